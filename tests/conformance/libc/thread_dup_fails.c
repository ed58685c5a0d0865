/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: what ThreadSanitizer reports, a close under a dup, is what this is about */
/* One thread closes a connection as another tries to copy it, in vain: it ends as ever. */
#include "../tasks.h"

#include <sys/resource.h>

enum { ROUNDS = 100, STANDARD = 3 };

static struct pair p;
static volatile bool stop;

static void copies(void *unused)
{
	(void)unused;
	int fd;
	while (!stop)
		if ((fd = dup(p.c)) >= 0) /* there is no limit yet, or none any more */
			close(fd);
}

static void set_limit(rlim_t numbers)
{
	struct rlimit limit;
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = numbers;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
}

int main(void)
{
	struct rlimit before;
	int clean = 0;
	char byte;

	watchdog_start();
	MUST(getrlimit(RLIMIT_NOFILE, &before));
	for (int i = 0; i < ROUNDS; i++) {
		struct task t;
		set_limit(before.rlim_cur);
		p = pair_open(AF_INET);
		stop = false;
		task_start(&t, copies, NULL);
		set_limit(STANDARD);
		usleep(200);
		close(p.c);
		clean += read(p.s, &byte, 1) == 0;
		stop = true;
		task_join(&t);
		close(p.s);
		close(p.l);
	}
	say("%d ends are clean", clean);
	return 0;
}
