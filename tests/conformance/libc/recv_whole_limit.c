/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SO_RCVTIMEO is the limit of a call, not of each of its waits: MSG_WAITALL under a slow peer. */
#include "../trace.h"

#define PIECES 30

/* Pieces every 20 ms, and a call that may wait for 100 ms. */
static void gather(const char *name, int flags)
{
	struct timeval limit = {.tv_usec = 100000};
	char in[PIECES + 1];
	step(name);
	struct pair p = pair_open(AF_INET);
	MUST(setsockopt(p.c, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	pid_t child = fork_watched();
	if (child == 0) {
		for (int i = 0; i < PIECES; i++) {
			poll(NULL, 0, 20);
			MUST(write(p.c, "x", 1));
		}
		_exit(0);
	}
	ssize_t n = recv(p.s, in, PIECES, flags);
	say("%s", n == PIECES ? "ALL" : "not all");
	say_wait("writer", child);
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	gather("MSG_WAITALL", MSG_WAITALL);
	gather("MSG_WAITALL | MSG_PEEK", MSG_WAITALL | MSG_PEEK);
	return 0;
}
