/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT, MSG_TRUNC, MSG_OOB and mixtures, on the reading side. */
#include "../trace.h"

int main(void)
{
	char out[256], in[256];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	fill(out, sizeof(out), 0);

	step("MSG_DONTWAIT");
	T(recv(p.s, in, sizeof(in), MSG_DONTWAIT));
	T(recv(p.s, in, sizeof(in), MSG_DONTWAIT | MSG_PEEK));

	step("MSG_PEEK");
	MUST(write(p.c, out, 100));
	wait_readable(p.s);
	T(recv(p.s, in, 10, MSG_PEEK));
	say_sum("peeked", in, 10);
	T(recv(p.s, in, 1, MSG_PEEK));
	T(recv(p.s, in, sizeof(in), MSG_PEEK));
	say_sum("peeked", in, 100);
	T(read(p.s, in, 30));
	T(recv(p.s, in, sizeof(in), MSG_PEEK));
	say_sum("peeked", in, 70);
	struct iovec iov[2] = {{in, 20}, {in + 20, 30}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	T(recvmsg(p.s, &m, MSG_PEEK));
	say_sum("peeked", in, 50);
	T(read(p.s, in, sizeof(in)));
	say_sum("read", in, 70);
	T(recv(p.s, in, sizeof(in), MSG_PEEK | MSG_DONTWAIT));

	step("a peek over two writes");
	MUST(write(p.c, out, 60));
	MUST(write(p.c, out + 60, 60));
	while (recv(p.s, in, sizeof(in), MSG_PEEK) < 120)
		;
	T(recv(p.s, in, sizeof(in), MSG_PEEK));
	say_sum("peeked", in, 120);
	T(recv(p.s, in, 61, MSG_PEEK));
	T(read(p.s, in, sizeof(in)));
	say_sum("read", in, 120);

	step("MSG_WAITALL");
	pid_t child = fork_watched();
	if (child == 0) {
		for (int i = 0; i < 10; i++) {
			MUST(write(p.c, out + i * 10, 10));
			poll(NULL, 0, 5);
		}
		_exit(0);
	}
	T(recv(p.s, in, 100, MSG_WAITALL));
	say_sum("read", in, 100);
	say_wait("writer", child);
	MUST(write(p.c, out, 50));
	wait_readable(p.s);
	T(recv(p.s, in, 100, MSG_WAITALL | MSG_DONTWAIT));
	MUST(write(p.c, out, 50));
	wait_readable(p.s);
	T(recv(p.s, in, 40, MSG_WAITALL | MSG_PEEK));
	T(recv(p.s, in, 50, MSG_WAITALL));

	step("MSG_TRUNC drops");
	MUST(write(p.c, out, 100));
	wait_readable(p.s);
	T(recv(p.s, NULL, 40, MSG_TRUNC));
	T(recv(p.s, in, 10, 0));
	say_sum("after 40", in, 10);
	memset(in, 7, sizeof(in));
	T(recv(p.s, in, 20, MSG_TRUNC));
	say("the buffer is %s", in[0] == 7 && in[19] == 7 ? "untouched" : "written");
	T(recv(p.s, in, sizeof(in), 0));
	say_sum("after 70", in, 30);
	T(recv(p.s, NULL, 40, MSG_TRUNC | MSG_DONTWAIT));

	step("MSG_OOB when there is none");
	T(recv(p.s, in, 1, MSG_OOB));
	MUST(write(p.c, out, 1));
	wait_readable(p.s);
	T(recv(p.s, in, 1, MSG_OOB));
	T(recv(p.s, in, 1, 0));

	step("MSG_ERRQUEUE");
	T(recv(p.s, in, 1, MSG_ERRQUEUE));

	step("MSG_WAITALL ended by the end");
	MUST(write(p.c, out, 30));
	MUST(shutdown(p.c, SHUT_WR));
	T(recv(p.s, in, 100, MSG_WAITALL));
	T(recv(p.s, in, 100, MSG_WAITALL));
	T(recv(p.s, in, 100, MSG_PEEK));
	T(recv(p.s, NULL, 100, MSG_TRUNC));
	return 0;
}
