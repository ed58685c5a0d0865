/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MSG_MORE, MSG_DONTWAIT, MSG_NOSIGNAL and TCP_CORK on the writing side: nothing lost or held. */
#include "../trace.h"

int main(void)
{
	char out[256], in[256];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	fill(out, sizeof(out), 0);

	step("MSG_MORE, then the rest");
	T(send(p.c, out, 10, MSG_MORE));
	T(send(p.c, out + 10, 10, MSG_MORE));
	T(send(p.c, out + 20, 10, 0));
	T(read_exact(p.s, in, 30));
	say_sum("got", in, 30);

	step("MSG_MORE and nothing after: it goes by itself");
	T(send(p.c, out, 10, MSG_MORE));
	T(read_exact(p.s, in, 10));

	step("MSG_MORE, then the end");
	T(send(p.c, out, 10, MSG_MORE | MSG_NOSIGNAL | MSG_DONTWAIT));
	T(shutdown(p.c, SHUT_WR));
	T(read_exact(p.s, in, sizeof(in)));
	say_sum("got", in, 10);

	step("TCP_CORK");
	int on = 1, off = 0;
	socklen_t length = sizeof(on);
	T(setsockopt(p.s, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
	T(write(p.s, out, 10));
	T(write(p.s, out + 10, 10));
	T(setsockopt(p.s, IPPROTO_TCP, TCP_CORK, &off, sizeof(off)));
	T(read_exact(p.c, in, 20));
	say_sum("got", in, 20);

	step("TCP_NODELAY stays as it was set");
	T(getsockopt(p.s, IPPROTO_TCP, TCP_NODELAY, &on, &length));
	say("%d", on);
	T(setsockopt(p.s, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	T(write(p.s, out, 10));
	T(getsockopt(p.s, IPPROTO_TCP, TCP_NODELAY, &on, &length));
	say("%d", on);
	T(setsockopt(p.s, IPPROTO_TCP, TCP_NODELAY, &(int){0}, sizeof(int)));
	T(write(p.s, out, 10));
	T(getsockopt(p.s, IPPROTO_TCP, TCP_NODELAY, &on, &length));
	say("%d", on);
	T(read_exact(p.c, in, 20));
	return 0;
}
