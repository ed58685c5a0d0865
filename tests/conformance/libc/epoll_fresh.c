/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An event loop with connections that never speak: what it does about each wake-up makes an end. */
#include "../trace.h"

int main(void)
{
	char buffer[64];
	struct epoll_event e, event = {.events = EPOLLIN};
	int woken = 0;

	watchdog_start();
	struct pair p = pair_fresh(AF_INET);
	pair_nonblocking(&p);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	event.data.fd = p.s;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	event.data.fd = p.c;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.c, &event));
	/* A program must bear a wake-up with nothing to read; a few are no spin. */
	for (int i = 0; i < 30; i++)
		while (epoll_wait(ep, &e, 1, 3) == 1 && woken++ < 100)
			if (read(e.data.fd, buffer, sizeof(buffer)) != -1 || errno != EAGAIN)
				say("read something");
	say("%s", woken < 20 ? "at rest" : "SPINNING");
	T(write(p.s, "now", 3));
	do
		MUST(epoll_wait(ep, &e, 1, -1));
	while (e.data.fd != p.c || read(p.c, buffer, 3) != 3);
	say_sum("got", buffer, 3);
	return 0;
}
