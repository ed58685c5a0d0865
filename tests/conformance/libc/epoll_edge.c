/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edge-triggered epoll: an edge for every arrival, none for what was left, and none is lost. */
#include "../trace.h"

static int ep;

static int ask(uint32_t *events, int timeout)
{
	struct epoll_event e;
	int n = epoll_wait(ep, &e, 1, timeout);
	*events = n == 1 ? e.events : 0;
	return n;
}

static void say_ask(const char *what, int timeout)
{
	uint32_t events;
	int n = ask(&events, timeout);
	say("%s: %d %s", what, n, events_name(events));
}

/* Waits for one edge, and believes a short read: where that is wrong the test hangs. */
static size_t drain(int fd)
{
	char buffer[4096];
	uint32_t events;
	size_t total = 0;
	ssize_t n;
	do
		MUST(ask(&events, -1));
	while (!(events & EPOLLIN));
	do {
		n = read(fd, buffer, sizeof(buffer));
		total += n > 0 ? (size_t)n : 0;
	} while (n == sizeof(buffer));
	return total;
}

int main(void)
{
	static char buffer[70000];
	uint32_t events;

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	pair_nonblocking(&p);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	T(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	say_ask("as it is added", 0);
	say_ask("no news", 0);

	step("an arrival");
	MUST(write(p.c, "0123456789", 10));
	say_ask("arrival", -1);
	say_ask("no news", 0);
	T(read(p.s, buffer, 4));
	say_ask("partly read is no news", 0);
	MUST(write(p.c, "abc", 3));
	say_ask("arrival behind the rest", -1);
	T(read_exact(p.s, buffer, 9));
	T(read(p.s, buffer, sizeof(buffer)));
	say_ask("drained", 0);

	step("MOD tells again what is there");
	MUST(write(p.c, "0123456789", 10));
	say_ask("arrival", -1);
	T(read(p.s, buffer, 4));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	say_ask("after MOD", 0);
	T(read(p.s, buffer, sizeof(buffer)));

	step("a short read means drained, and what comes after it is an edge");
	size_t sent = 0, got = 0;
	for (int i = 0; i < 200; i++) {
		size_t size = (size_t)(1 + i * 331 % 40000);
		ssize_t n = write(p.c, buffer, size);
		sent += n > 0 ? (size_t)n : 0;
		got += drain(p.s);
	}
	while (got < sent)
		got += drain(p.s);
	say("%s", got == sent ? "all there" : "TOO MUCH");
	while (ask(&events, 0) == 1)
		;

	step("the end is an edge");
	MUST(shutdown(p.c, SHUT_WR));
	do
		MUST(ask(&events, -1));
	while (!(events & EPOLLRDHUP));
	say("%s", events_name(events & (EPOLLIN | EPOLLRDHUP)));
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
	return 0;
}
