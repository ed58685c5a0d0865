/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking ends that have not spoken: not readable by any door, and nothing spins or wakes. */
#include "../trace.h"

int main(void)
{
	struct timeval limit;
	struct epoll_event e, event = {.events = EPOLLIN};
	fd_set r;

	watchdog_start();
	struct pair p = pair_fresh(AF_INET);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	for (int turn = 0; turn < 2; turn++) {
		int fd = turn ? p.c : p.s;
		step(turn ? "connecting end" : "accepted end");
		say_poll("fd", fd, POLLIN, 20);
		FD_ZERO(&r);
		FD_SET(fd, &r);
		limit = (struct timeval){.tv_usec = 20000};
		T(select(fd + 1, &r, NULL, NULL, &limit));
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
		T(epoll_wait(ep, &e, 1, 20));
		T(recv(fd, &(char){0}, 1, MSG_DONTWAIT));
		T(recv(fd, &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK));
		int n = -1;
		T(ioctl(fd, FIONREAD, &n));
		say("%d", n);
	}
	T(epoll_wait(ep, &e, 1, 20));

	step("one speaks");
	T(write(p.c, "x", 1));
	T(epoll_wait(ep, &e, 1, -1));
	T(read(p.s, &(char){0}, 1));
	return 0;
}
