/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One socket in several sets, by two names, in a set within a set, polled from outside. */
#include "../trace.h"

int main(void)
{
	char buffer[64];
	struct epoll_event e[4], event = {.events = EPOLLIN};

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	int a = (int)MUST(epoll_create1(EPOLL_CLOEXEC)),
	    b = (int)MUST(epoll_create1(EPOLL_CLOEXEC)),
	    outer = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(a, EPOLL_CTL_ADD, p.s, &event));
	MUST(epoll_ctl(b, EPOLL_CTL_ADD, p.s, &event));
	MUST(epoll_ctl(outer, EPOLL_CTL_ADD, a, &event));

	step("quiet");
	T(epoll_wait(a, e, 4, 0));
	T(epoll_wait(outer, e, 4, 0));
	say_poll("outer", outer, POLLIN, 0);

	step("readable, and partly read");
	MUST(write(p.c, "0123456789", 10));
	T(epoll_wait(outer, e, 4, -1));
	T(epoll_wait(a, e, 4, 0));
	T(epoll_wait(b, e, 4, 0));
	T(read(p.s, buffer, 5));
	T(epoll_wait(outer, e, 4, 0));
	T(epoll_wait(a, e, 4, 0));
	T(epoll_wait(b, e, 4, 0));
	say_poll("outer", outer, POLLIN, 0);
	say_poll("b", b, POLLIN, 0);

	step("by another name");
	int other = (int)MUST(dup(p.s));
	T(epoll_ctl(b, EPOLL_CTL_ADD, other, &event));
	T(epoll_wait(b, e, 4, 0));
	T(read(other, buffer, 4));
	T(epoll_wait(b, e, 4, 0));
	T(read(p.s, buffer, 4));
	T(epoll_wait(b, e, 4, 0));
	T(epoll_wait(a, e, 4, 0));
	T(epoll_wait(outer, e, 4, 0));

	step("a set inherited by fork");
	MUST(write(p.c, "x", 1));
	pid_t child = fork_watched();
	if (child == 0) {
		T(epoll_wait(a, e, 4, -1));
		T(read(p.s, buffer, 4));
		T(epoll_wait(a, e, 4, 0));
		_exit(0);
	}
	say_wait("child", child);
	T(epoll_wait(a, e, 4, 0));
	return 0;
}
