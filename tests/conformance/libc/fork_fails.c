/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fork fails with EAGAIN: the connections are as before, by all their names, to their end. */
#include "../processes.h"

int main(void)
{
	char buffer[16];

	watchdog_start();
	struct pair p = pair_open(AF_INET), q = pair_open(AF_INET);
	int second = (int)MUST(dup(p.c)), third = (int)MUST(dup(p.c));
	forbid_fork();
	for (int i = 0; i < 3; i++) {
		T(fork());
		T(write(p.c, "first", 5));
		T(read_exact(p.s, buffer, 5));
		T(write(second, "second", 6));
		T(read_exact(p.s, buffer, 6));
		T(write(q.s, "other", 5));
		T(read_exact(q.c, buffer, 5));
	}

	step("the end is an end");
	T(close(p.c));
	T(close(third));
	T(write(second, "last", 4));
	T(read_exact(p.s, buffer, 4));
	T(close(second));
	T(read(p.s, buffer, 1));
	T(close(q.s));
	T(read(q.c, buffer, 1));
	return 0;
}
