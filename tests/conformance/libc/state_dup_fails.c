/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dup2, dup3 and close_range that fail leave the connection they were aimed at as it was. */
#include "../trace.h"

#include <sys/resource.h>

static struct pair p;
static char buffer[16];

static void still_works(void)
{
	T(write(p.c, "still", 5));
	T(read_exact(p.s, buffer, 5));
	T(write(p.s, "works", 5));
	T(read_exact(p.c, buffer, 5));
}

int main(void)
{
	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		say("## held by %s", turn ? "two processes" : "one process");
		p = pair_open(AF_INET);
		pid_t child = turn ? fork_watched() : 0;
		if (turn && child == 0)
			for (;;)
				pause();

		step("dup2 and dup3 onto it");
		T(dup3(STDERR_FILENO, p.c, 7));
		T(dup3(-1, p.c, O_CLOEXEC));
		T(dup2(-1, p.c));
		T(dup3(p.c, p.c, 0));
		still_works();

		step("of it, to where nothing can be");
		T(dup2(p.c, -1));
		T(fcntl(p.c, F_DUPFD, -5));
		struct rlimit limit, low;
		MUST(getrlimit(RLIMIT_NOFILE, &limit));
		low = limit;
		low.rlim_cur = 60;
		MUST(setrlimit(RLIMIT_NOFILE, &low));
		T(dup2(p.c, 60));
		T(dup3(p.c, 60, O_CLOEXEC));
		T(fcntl(p.c, F_DUPFD, 60));
		MUST(setrlimit(RLIMIT_NOFILE, &limit));
		still_works();

		step("onto it, above a limit that was lowered");
		int high = (int)MUST(dup2(p.c, 70));
		MUST(setrlimit(RLIMIT_NOFILE, &low));
		T(dup2(STDERR_FILENO, high));
		T(write(high, "high", 4));
		T(read_exact(p.s, buffer, 4));
		MUST(setrlimit(RLIMIT_NOFILE, &limit));
		T(close(high));

		step("close_range");
		T(close_range((unsigned)p.c, (unsigned)p.c, 0x70));
		T(close_range((unsigned)p.c, (unsigned)p.c - 1, 0));
		still_works();
		if (turn) {
			kill(child, SIGKILL);
			say_wait("child", child);
		}
		pair_close(&p);
	}
	return 0;
}
