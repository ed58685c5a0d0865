/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a program takes from birth to end: start COUNT PROGRAM prints milliseconds, median. */
#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double run(char *program, char **environment)
{
	double begun = now();
	pid_t pid;
	int status;
	errno = posix_spawn(&pid, program, NULL, NULL, (char *[]){program, NULL}, environment);
	if (errno || waitpid(pid, &status, 0) != pid || status)
		err(1, "%s", program);
	return now() - begun;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Its own environment is the bare one: what is to be preloaded comes in as BENCH_PRELOAD. */
int main(int argc, char **argv, char **environment)
{
	int count = argc == 3 ? atoi(argv[1]) : 0;
	if (count <= 0)
		errx(2, "usage: start COUNT PROGRAM");
	for (char **e = environment; *e; e++)
		if (strncmp(*e, "BENCH_PRELOAD=", 14) == 0 && asprintf(e, "LD_%s", *e + 6) < 0)
			err(1, "asprintf");
	double *took = calloc((size_t)count, sizeof(*took));
	if (!took)
		err(1, "calloc");
	for (int i = 0; i < count; i++)
		took[i] = run(argv[2], environment);
	qsort(took, (size_t)count, sizeof(*took), order);
	printf("%.4f\n", took[count / 2]);
	free(took);
	return 0;
}
