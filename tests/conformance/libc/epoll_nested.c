/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets in sets in sets, with levels and edges; one connection under edges, level and ONESHOT. */
#include "../trace.h"

static int add(int ep, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u32 = (uint32_t)events};
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}

static void ask(const char *who, int ep, int timeout)
{
	struct epoll_event e;
	int n = epoll_wait(ep, &e, 1, timeout);
	say("%s: %d %s", who, n, n == 1 ? events_name(e.events) : "");
}

int main(void)
{
	char buffer[64];

	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		say("## %s", turn ? "non-blocking" : "blocking");
		struct pair p = pair_open(AF_INET);
		set_nonblocking(p.s, turn);
		int level = (int)MUST(epoll_create1(0)), edge = (int)MUST(epoll_create1(0)),
		    once = (int)MUST(epoll_create1(0)), middle = (int)MUST(epoll_create1(0)),
		    outer = (int)MUST(epoll_create1(0)), edges = (int)MUST(epoll_create1(0));
		MUST(add(level, p.s, EPOLLIN));
		MUST(add(edge, p.s, EPOLLIN | EPOLLET));
		MUST(add(once, p.s, EPOLLIN | EPOLLONESHOT));
		MUST(add(middle, level, EPOLLIN));
		MUST(add(outer, middle, EPOLLIN));
		MUST(add(edges, level, EPOLLIN | EPOLLET));

		for (int i = 0; i < 2; i++) {
			step(i ? "something, again" : "something");
			MUST(write(p.c, "0123456789", 10));
			ask("outer", outer, -1);
			ask("middle", middle, 0);
			ask("edges", edges, -1);
			ask("level", level, 0);
			ask("edge", edge, 0);
			ask("once", once, 0);
			step("a part is read");
			T(read(p.s, buffer, 4));
			ask("outer", outer, 0);
			ask("level", level, 0);
			ask("edge", edge, 0);
			ask("once", once, 0);
			step("the rest is read");
			T(read(p.s, buffer, sizeof(buffer)));
			ask("outer", outer, 0);
			ask("middle", middle, 0);
			ask("level", level, 0);
			ask("edge", edge, 0);
		}
		step("the end");
		MUST(shutdown(p.c, SHUT_WR));
		ask("outer", outer, -1);
		ask("level", level, 0);
		ask("edge", edge, 0);
		T(read(p.s, buffer, 1));
		close(p.s);
		ask("outer", outer, 0);
		ask("level", level, 0);
		close(p.c);
		close(p.l);
	}

	step("mistakes");
	int a = (int)MUST(epoll_create1(0)), b = (int)MUST(epoll_create1(0));
	T(add(a, a, EPOLLIN));
	T(add(a, b, EPOLLIN));
	T(add(b, a, EPOLLIN));
	T(add(a, b, EPOLLIN | EPOLLEXCLUSIVE));
	T(epoll_wait(a, &(struct epoll_event){0}, 0, 0));
	return 0;
}
