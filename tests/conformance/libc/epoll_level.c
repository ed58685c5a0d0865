/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Level-triggered epoll: reported as long as a byte is left, silent when drained, OUT, the end. */
#include "../trace.h"

static int ep;

static void ask(const char *what, int timeout)
{
	struct epoll_event e[4];
	int n = epoll_wait(ep, e, 4, timeout);
	say("%s: %d %s", what, n, n > 0 ? events_name(e[0].events) : "");
	if (n > 0 && e[0].data.u64 != 0x1234567890abcdefu)
		say("the program's data CHANGED");
}

int main(void)
{
	char buffer[40000];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
	                            .data.u64 = 0x1234567890abcdefu};
	T(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	T(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	ask("quiet", 0);

	MUST(write(p.c, "0123456789", 10));
	ask("readable", -1);
	ask("still", 0);
	for (int i = 0; i < 9; i++) {
		MUST(read(p.s, buffer, 1));
		ask("partly read", 0);
	}
	MUST(read(p.s, buffer, 1));
	ask("drained", 0);

	step("a large record, small reads");
	fill(buffer, sizeof(buffer), 0);
	MUST(write_all(p.c, buffer, 16384));
	uint64_t sum = SUM;
	size_t got = 0;
	while (got < 16384) {
		struct epoll_event e;
		MUST(epoll_wait(ep, &e, 1, -1));
		ssize_t n = MUST(read(p.s, buffer, 1000));
		sum = sum_add(sum, buffer, (size_t)n);
		got += (size_t)n;
	}
	say("got %zu, %016llx", got, (unsigned long long)sum);
	ask("drained", 0);

	step("OUT, and MOD");
	event.events = EPOLLIN | EPOLLOUT;
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	ask("writable", 0);
	event.events = EPOLLIN;
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	ask("quiet", 0);
	event.events = 0;
	MUST(write(p.c, "x", 1));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	wait_readable(p.s);
	ask("not asked for", 0);
	event.events = EPOLLIN;
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	ask("asked again", 0);

	step("DEL");
	T(epoll_ctl(ep, EPOLL_CTL_DEL, p.s, NULL));
	ask("gone", 0);
	T(epoll_ctl(ep, EPOLL_CTL_DEL, p.s, NULL));
	event.events = EPOLLIN | EPOLLRDHUP;
	T(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	ask("back with its byte", 0);
	MUST(read(p.s, buffer, 1));

	step("the end");
	MUST(write(p.c, "last", 4));
	MUST(shutdown(p.c, SHUT_WR));
	wait_for(p.s, POLLRDHUP);
	ask("data and end", 0);
	T(read(p.s, buffer, sizeof(buffer)));
	ask("end", 0);
	T(read(p.s, buffer, sizeof(buffer)));
	ask("end stays", 0);
	MUST(shutdown(p.s, SHUT_WR));
	ask("both ended", 0);

	step("closed: epoll forgets it");
	close(p.s);
	ask("nothing", 0);
	return 0;
}
