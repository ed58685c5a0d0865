/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signal-driven input: O_ASYNC and F_SETOWN bring SIGIO when something arrives. */
#include "../trace.h"

int main(void)
{
	char buffer[16];
	sigset_t set;

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	T(fcntl(p.s, F_SETOWN, getpid()));
	T(fcntl(p.s, F_SETFL, O_ASYNC | O_NONBLOCK));
	T(write(p.c, "x", 1));
	T(sigwaitinfo(&set, NULL) == SIGIO);
	wait_readable(p.s);
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
	return 0;
}
