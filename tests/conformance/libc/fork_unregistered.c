/* SPDX-License-Identifier: GPL-3.0-or-later */
/* No file can be written when the first connection comes to be: a child has its sessions all the
 * same. */
#include "../trace.h"

#include <sys/resource.h>

static void limit_files(rlim_t size)
{
	struct rlimit limit;
	MUST(getrlimit(RLIMIT_FSIZE, &limit));
	limit.rlim_cur = size;
	MUST(setrlimit(RLIMIT_FSIZE, &limit));
}

int main(void)
{
	struct rlimit before;
	char buffer[8];

	watchdog_start();
	signal(SIGXFSZ, SIG_IGN);
	MUST(getrlimit(RLIMIT_FSIZE, &before));
	limit_files(0);
	struct pair p = pair_open(AF_INET);
	limit_files(before.rlim_cur);
	pid_t child = fork_watched();
	if (child == 0) {
		T(write(p.c, "child", 5));
		T(close(p.c));
		_exit(0);
	}
	say_wait("it", child);
	T(read_exact(p.s, buffer, 5));
	T(write(p.c, "last", 4));
	T(read_exact(p.s, buffer, 4));
	T(close(p.c));
	T(read(p.s, buffer, 1));
	return 0;
}
