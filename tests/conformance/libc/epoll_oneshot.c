/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EPOLLONESHOT: one report, then silence until MOD, which reports what is left at once. */
#include "../trace.h"

int main(void)
{
	char buffer[64];
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLONESHOT};

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	T(epoll_wait(ep, &e, 1, 0));
	MUST(write(p.c, "0123456789", 10));
	T(epoll_wait(ep, &e, 1, -1));
	T(epoll_wait(ep, &e, 1, 0));
	T(read(p.s, buffer, 4));
	T(epoll_wait(ep, &e, 1, 0));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	T(epoll_wait(ep, &e, 1, 0));
	say("%s", events_name(e.events));
	T(read(p.s, buffer, sizeof(buffer)));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	T(epoll_wait(ep, &e, 1, 0));

	step("with edges");
	event.events |= EPOLLET;
	MUST(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	MUST(write(p.c, "0123456789", 10));
	T(epoll_wait(ep, &e, 1, -1));
	T(read(p.s, buffer, 9));
	T(epoll_wait(ep, &e, 1, 0));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	T(epoll_wait(ep, &e, 1, 0));
	T(read(p.s, buffer, 9));
	return 0;
}
