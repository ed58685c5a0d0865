/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a program takes from birth to end: start COUNT PROGRAM prints milliseconds a run. */
#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

/* Its own environment is the bare one: what is to be preloaded comes in as BENCH_PRELOAD. */
int main(int argc, char **argv, char **environment)
{
	if (argc != 3)
		errx(2, "usage: start COUNT PROGRAM");
	for (char **e = environment; *e; e++)
		if (strncmp(*e, "BENCH_PRELOAD=", 14) == 0 && asprintf(e, "LD_%s", *e + 6) < 0)
			err(1, "asprintf");
	int count = atoi(argv[1]);
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < count; i++) {
		pid_t pid;
		int status;
		errno = posix_spawn(&pid, argv[2], NULL, NULL, (char *[]){ argv[2], NULL }, environment);
		if (errno || waitpid(pid, &status, 0) != pid || status)
			err(1, "%s", argv[2]);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	double took = (to.tv_sec - from.tv_sec) * 1e3 + (to.tv_nsec - from.tv_nsec) / 1e6;
	printf("%.4f\n", took / count);
	return 0;
}
