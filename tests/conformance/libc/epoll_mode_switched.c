/* SPDX-License-Identifier: GPL-3.0-or-later */
/* O_NONBLOCK is switched while the socket is in a set: levels and edges go on as they were. */
#include "../trace.h"

static struct pair p;
static char buffer[64];

static void ask(const char *who, int ep, int timeout)
{
	struct epoll_event e;
	int n = epoll_wait(ep, &e, 1, timeout);
	say("%s: %d %s", who, n, n == 1 ? events_name(e.events) : "");
}

static void switch_by(int how, bool on)
{
	if (how == 0)
		MUST(fcntl(p.s, F_SETFL, on ? O_NONBLOCK : 0));
	else if (how == 1)
		MUST(ioctl(p.s, FIONBIO, &(int){on}));
	if (how < 2)
		return;
	pid_t child = fork_watched();
	if (child == 0)
		_exit(fcntl(p.s, F_SETFL, on ? O_NONBLOCK : 0) != 0);
	waitpid(child, NULL, 0);
}

int main(void)
{
	static const char *const names[] = {"fcntl", "FIONBIO", "another process"};

	watchdog_start();
	for (int how = 0; how < 3; how++) {
		step(names[how]);
		p = pair_open(AF_INET);
		int level = (int)MUST(epoll_create1(EPOLL_CLOEXEC)),
		    edge = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		struct epoll_event event = {.events = EPOLLIN};
		MUST(epoll_ctl(level, EPOLL_CTL_ADD, p.s, &event));
		event.events |= EPOLLET;
		MUST(epoll_ctl(edge, EPOLL_CTL_ADD, p.s, &event));
		for (int turn = 0; turn < 4; turn++) {
			ask("level", level, 0);
			ask("edge", edge, 0);
			MUST(write(p.c, "0123456789", 10));
			ask("level", level, -1);
			switch_by(how, turn % 2 == 0);
			ask("edge", edge, -1);
			T(read(p.s, buffer, 4));
			ask("level", level, 0);
			ask("edge", edge, 0);
			switch_by(how, turn % 2 != 0);
			ask("level", level, 0);
			T(read(p.s, buffer, sizeof(buffer)));
			switch_by(how, turn % 2 == 0);
		}
		close(level);
		close(edge);
		pair_close(&p);
	}
	return 0;
}
