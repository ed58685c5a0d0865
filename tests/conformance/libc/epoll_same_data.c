/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors registered with equal data: what happens to one is not taken for another's. */
#include "../trace.h"

#include <sys/resource.h>

static long cpu_ms(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

int main(void)
{
	struct epoll_event e[4], event = {.events = EPOLLIN};
	char buffer[16];
	int pipes[2];

	watchdog_start();
	for (int turn = 0; turn < 3; turn++) {
		static const char *const names[] = {"an open connection beside a pipe",
		                                    "an unsettled connection beside a pipe",
		                                    "one connection beside another"};
		step(names[turn]);
		struct pair p = turn == 1 ? pair_fresh(AF_INET) : pair_open(AF_INET), q;
		int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
		if (turn == 2) {
			q = pair_open(AF_INET);
			pipes[0] = q.s;
			pipes[1] = q.c;
		} else {
			MUST(pipe(pipes));
		}
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event));
		MUST(write(pipes[1], "x", 1));
		long before = cpu_ms();
		T(epoll_wait(ep, e, 4, -1));
		T(epoll_wait(ep, e, 4, -1));
		T(read(pipes[0], buffer, sizeof(buffer)));
		T(epoll_wait(ep, e, 4, 100));
		say("%s", cpu_ms() - before < 80 ? "at rest" : "SPINNING");
		MUST(write(p.c, "y", 1));
		T(epoll_wait(ep, e, 4, -1));
		T(read(p.s, buffer, sizeof(buffer)));
		MUST(write(p.c, "y", 1));
		wait_readable(p.s);
		MUST(write(pipes[1], "x", 1));
		wait_readable(pipes[0]);
		T(epoll_wait(ep, e, 4, -1));
	}
	return 0;
}
