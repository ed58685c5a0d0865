/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times that are none, sets with closed numbers: the family refuses, at once. */
#include "../trace.h"

int main(void)
{
	static const struct timespec times[] = {{0, 1000000000}, {0, -1}, {-1, 0}, {-1, -1}};
	struct epoll_event e, event = {.events = EPOLLIN};
	struct timeval time = {.tv_usec = 1000};
	fd_set r;

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		say("## %ld, %ld", (long)times[i].tv_sec, times[i].tv_nsec);
		struct pollfd q = {.fd = p.s, .events = POLLIN};
		T(ppoll(&q, 1, &times[i], NULL));
		FD_ZERO(&r);
		FD_SET(p.s, &r);
		T(pselect(p.s + 1, &r, NULL, NULL, &times[i], NULL));
		T(epoll_pwait2(ep, &e, 1, &times[i], NULL));
		struct timeval none = {times[i].tv_sec, times[i].tv_nsec / 1000};
		if (none.tv_sec < 0 || none.tv_usec < 0)
			T(select(p.s + 1, &r, NULL, NULL, &none));
	}

	step("closed numbers");
	int gone = (int)MUST(dup(STDIN_FILENO));
	close(gone);
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	FD_SET(gone, &r);
	T(select(gone + 1, &r, NULL, NULL, &time));
	say("%d %d", FD_ISSET(p.s, &r) != 0, FD_ISSET(gone, &r) != 0);
	T(poll(&(struct pollfd){.fd = gone, .events = POLLIN}, 1, 0));
	T(select(-1, &r, NULL, NULL, &time));

	step("no room, no set");
	T(epoll_wait(ep, &e, 0, -1));
	T(epoll_wait(ep, &e, -1, -1));
	T(epoll_wait(p.s, &e, 1, -1));
	T(epoll_wait(-1, &e, 1, -1));
	return 0;
}
