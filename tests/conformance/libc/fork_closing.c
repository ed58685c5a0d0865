/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: forks beside threads that are in the middle of a close are what this is about */
/* Threads connect and close as the process forks: each connection ends once and cleanly, and what
 * the child opens is its own. */
#include "../processes.h"
#include "../tasks.h"

enum { THREADS = 3 };

static struct pair p;
static volatile bool stop;
static unsigned ended, broken;

static void connects(void *unused)
{
	(void)unused;
	char buffer[4];
	while (!stop) {
		struct pair own = pair_open(AF_INET);
		for (int i = 0; i < 4; i++) { /* by other numbers, which others had a moment ago */
			int moved = (int)MUST(dup(own.c));
			close(own.c);
			own.c = moved;
		}
		close(own.c);
		bool end = read(own.s, buffer, sizeof(buffer)) == 0;
		__atomic_add_fetch(end ? &ended : &broken, 1, __ATOMIC_RELAXED);
		close(own.s);
		close(own.l);
	}
}

/* How often a child did not end with 0.  NULL: there can be none. */
static int fork_beside(const char *name, int rounds, int (*child)(void))
{
	struct task t[THREADS];
	int failed = 0;
	step(name);
	stop = false;
	for (int i = 0; i < THREADS; i++)
		task_start(&t[i], connects, NULL);
	if (!child)
		forbid_fork();
	for (int i = 0; i < rounds || ended + broken < 20; i++) {
		int status = 0;
		pid_t pid = fork();
		if (pid == 0) {
			watchdog_start();
			_exit(child());
		}
		if (pid > 0)
			waitpid(pid, &status, 0);
		failed += status != 0;
	}
	stop = true;
	for (int i = 0; i < THREADS; i++)
		task_join(&t[i]);
	return failed;
}

static void tell(int failed)
{
	say("%d children failed, some ends %d, others %u", failed, ended > 0, broken);
	ended = broken = 0;
}

static int writes(void)
{
	char buffer[8];
	return write(p.c, "child", 5) != 5 || read_exact(p.s, buffer, 5) != 5;
}

static int exits(void)
{
	return 0;
}

/* Numbers that threads had, too. */
static int pipes(void)
{
	enum { PIPES = 8 };
	int fds[2], bytes;
	char buffer[8];
	for (int i = 0; i < PIPES; i++) {
		MUST(pipe(fds));
		if (write(fds[1], "pipe", 4) != 4 || ioctl(fds[0], FIONREAD, &bytes) ||
		    bytes != 4 || read(fds[0], buffer, sizeof(buffer)) != 4)
			return 1;
	}
	return writes();
}

int main(void)
{
	char buffer[8];
	watchdog_start();
	p = pair_open(AF_INET);
	tell(fork_beside("a child at work", 200, writes));
	tell(fork_beside("one that has nothing to do", 2000, exits));
	touch_memory();
	tell(fork_beside("a child that opens others", 60, pipes));
	tell(fork_beside("none", 2000, NULL));
	T(write(p.c, "last", 4));
	T(read_exact(p.s, buffer, 4));
	T(close(p.c));
	T(read(p.s, buffer, 1));
	return 0;
}
