/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Level-triggered writability: absent when full, back when drained; no spin while it is full. */
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
	static char buffer[65536];
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLOUT};

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	pair_nonblocking(&p);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.c, &event));

	/* Full when a write takes nothing and nothing moves any more. */
	size_t sent = 0, got = 0;
	do {
		ssize_t n;
		while ((n = write(p.c, buffer, sizeof(buffer))) > 0)
			sent += (size_t)n;
	} while (poll(&(struct pollfd){.fd = p.c, .events = POLLOUT}, 1, 50) == 1);
	say_poll("c", p.c, POLLIN | POLLOUT, 0);
	T(epoll_wait(ep, &e, 1, 0));

	step("full and idle");
	long before = cpu_ms();
	int woken = 0;
	for (int i = 0; i < 5; i++)
		woken += epoll_wait(ep, &e, 1, 40);
	say("woken %d, %s", woken, cpu_ms() - before < 100 ? "at rest" : "SPINNING");

	step("drained");
	while (got < sent) {
		ssize_t n = read(p.s, buffer, sizeof(buffer));
		if (n > 0)
			got += (size_t)n;
		else
			wait_for(p.s, POLLIN);
		/* What the first end still has of a record goes on at its next call. */
		(void)poll(&(struct pollfd){.fd = p.c, .events = POLLOUT}, 1, 0);
	}
	say("%s", got == sent ? "all there" : "TOO MUCH");
	T(epoll_wait(ep, &e, 1, -1));
	say("%s", events_name(e.events));
	T(write(p.c, "x", 1));
	wait_readable(p.s);
	T(read(p.s, buffer, sizeof(buffer)));
	say_poll("c", p.c, POLLIN | POLLOUT, 0);

	step("open and idle");
	event.events = EPOLLIN;
	MUST(epoll_ctl(ep, EPOLL_CTL_MOD, p.c, &event));
	before = cpu_ms();
	woken = 0;
	for (int i = 0; i < 5; i++)
		woken += epoll_wait(ep, &e, 1, 40);
	say("woken %d, %s", woken, cpu_ms() - before < 100 ? "at rest" : "SPINNING");
	return 0;
}
