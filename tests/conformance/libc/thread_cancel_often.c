/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: a sanitizer keeps memory of its own for every thread that was */
/* Hundreds of threads cancelled as they wait for a connection leave no memory behind. */
#include "../tasks.h"

#define OTHERS 30

static struct pair p;

static void fill_set(fd_set *set)
{
	FD_ZERO(set);
	FD_SET(p.s, set);
}

static void polls_one(void *argument)
{
	(void)argument;
	poll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, -1);
}

static void polls_many(void *argument)
{
	struct pollfd set[OTHERS];
	(void)argument;
	for (int i = 0; i < OTHERS; i++)
		set[i] = (struct pollfd){.fd = i ? p.l : p.s, .events = POLLIN};
	poll(set, OTHERS, -1);
}

static void selects(void *argument)
{
	fd_set set;
	(void)argument;
	fill_set(&set);
	select(p.s + 1, &set, NULL, NULL, NULL);
}

static void reads(void *argument)
{
	char buffer[8];
	struct iovec iov[2] = {{buffer, 4}, {buffer + 4, 4}};
	(void)argument;
	readv(p.s, iov, 2);
}

static int pipes[2];

static void splices(void *argument)
{
	(void)argument;
	splice(pipes[0], NULL, p.s, NULL, 100, 0);
}

/* Kibibytes of address space. */
static long size_now(void)
{
	char text[64] = "";
	int fd = (int)MUST(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	return atol(text) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void cancel_one(void (*run)(void *))
{
	struct task t;
	task_start_with(&t, run, NULL, 65536);
	while (t.tid == 0)
		sched_yield();
	poll(NULL, 0, 1);
	pthread_cancel(t.thread);
	task_join(&t);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void *);
	} cases[] = {{"poll", polls_one},
	             {"poll of many", polls_many},
	             {"select", selects},
	             {"readv", reads},
	             {"splice from an empty pipe", splices}};

	watchdog_start();
	p = pair_open(AF_INET);
	MUST(pipe2(pipes, O_CLOEXEC));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int j = 0; j < 5; j++)
			cancel_one(cases[i].run);
		long before = size_now();
		for (int j = 0; j < 150; j++)
			cancel_one(cases[i].run);
		long grown = size_now() - before;
		say("%s: memory %s", cases[i].name, grown < 4096 ? "stays" : "GROWS");
	}
	T(write(p.c, "x", 1));
	T(read(p.s, &(char){0}, 1));
	return 0;
}
