/* SPDX-License-Identifier: GPL-3.0-or-later */
/* select with only the third set: an end and a reset are none of its business, time runs out. */
#include "../trace.h"

static void ask(const char *name, int fd)
{
	struct timeval time = {.tv_usec = 20000};
	fd_set e;
	FD_ZERO(&e);
	FD_SET(fd, &e);
	step(name);
	T(select(fd + 1, NULL, NULL, &e, &time));
	say("%s, %s left", FD_ISSET(fd, &e) ? "set" : "clear",
	    time.tv_sec || time.tv_usec ? "time" : "none");
}

int main(void)
{
	struct linger hard = {.l_onoff = 1};

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	ask("quiet", p.s);
	MUST(shutdown(p.c, SHUT_WR));
	wait_for(p.s, POLLRDHUP);
	ask("the peer has ended", p.s);
	MUST(shutdown(p.s, SHUT_WR));
	wait_for(p.s, POLLHUP);
	ask("both have ended", p.s);
	pair_close(&p);

	p = pair_open(AF_INET);
	MUST(setsockopt(p.c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(p.c);
	wait_for(p.s, POLLHUP);
	ask("reset", p.s);
	return 0;
}
