/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP fast open: sendto(MSG_FASTOPEN) and TCP_FASTOPEN_CONNECT carry the bytes like any others. */
#include "../trace.h"

int main(void)
{
	char buffer[32];

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	union address a = address_of(l);

	step("MSG_FASTOPEN");
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(sendto(c, "early", 5, MSG_FASTOPEN, &a.any, address_size(&a)));
	int s = (int)MUST(accept(l, NULL, NULL));
	T(read_beside(s, c, buffer, 5));
	say_sum("s got", buffer, 5);
	T(write(s, "late", 4));
	T(read_beside(c, s, buffer, 4));
	say_sum("c got", buffer, 4);
	close(c);
	close(s);

	step("MSG_FASTOPEN by sendmsg and sendmmsg");
	for (int turn = 0; turn < 2; turn++) {
		struct iovec iov = {"early", 5};
		struct mmsghdr m = {.msg_hdr = {.msg_name = &a,
		                                .msg_namelen = address_size(&a),
		                                .msg_iov = &iov,
		                                .msg_iovlen = 1}};
		c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		if (turn)
			T(sendmmsg(c, &m, 1, MSG_FASTOPEN));
		else
			T(sendmsg(c, &m.msg_hdr, MSG_FASTOPEN));
		s = (int)MUST(accept(l, NULL, NULL));
		T(read_beside(s, c, buffer, 5));
		say_sum("s got", buffer, 5);
		close(c);
		close(s);
	}

	step("MSG_FASTOPEN that does not wait");
	c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(sendto(c, "early", 5, MSG_FASTOPEN, &a.any, address_size(&a)));
	s = (int)MUST(accept(l, NULL, NULL));
	wait_for(c, POLLOUT);
	T(write(c, "then", 4));
	T(read_beside(s, c, buffer, 4));
	say_sum("s got", buffer, 4);
	close(c);
	close(s);

	step("TCP_FASTOPEN_CONNECT");
	c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(setsockopt(c, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){1}, sizeof(int)));
	T(connect(c, &a.any, address_size(&a)));
	T(write(c, "early", 5));
	s = (int)MUST(accept(l, NULL, NULL));
	T(read_beside(s, c, buffer, 5));
	say_sum("s got", buffer, 5);
	T(write(s, "late", 4));
	T(read_beside(c, s, buffer, 4));
	say_sum("c got", buffer, 4);
	close(c);
	close(s);

	step("a listener that offers it");
	T(setsockopt(l, IPPROTO_TCP, TCP_FASTOPEN, &(int){8}, sizeof(int)));
	for (int turn = 0; turn < 2; turn++) {
		c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		T(sendto(c, "early", 5, MSG_FASTOPEN, &a.any, address_size(&a)));
		s = (int)MUST(accept(l, NULL, NULL));
		T(read_beside(s, c, buffer, 5));
		say_sum("s got", buffer, 5);
		close(c);
		close(s);
	}

	step("to nobody");
	union address deaf = loopback(AF_INET); /* bound, so that nobody else listens there */
	int bound = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(bind(bound, &deaf.any, address_size(&deaf)));
	a = address_of(bound);
	c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(sendto(c, "early", 5, MSG_FASTOPEN | MSG_NOSIGNAL, &a.any, address_size(&a)));
	T(close(c));
	return 0;
}
