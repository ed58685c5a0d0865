/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program with busy threads forks: the child uses its own connections, the threads go on. */
#include "../tasks.h"

static volatile bool stop;

static void talk(void *argument)
{
	struct pair *p = argument;
	char out[500], in[500];
	for (int i = 0; !stop; i++) {
		/* Busy most of the time, but not a load for the whole machine. */
		if (i % 8 == 7)
			poll(NULL, 0, 1);
		fill(out, sizeof(out), 1);
		if (write_all(p->c, out, sizeof(out)) != sizeof(out) ||
		    read_exact(p->s, in, sizeof(in)) != sizeof(in) || memcmp(in, out, sizeof(in))) {
			say("a thread's talk FAILED");
			return;
		}
	}
}

int main(void)
{
	struct pair busy[2], own, fresh;
	struct task task[2];
	char buffer[16];
	int failed = 0;

	watchdog_start();
	own = pair_open(AF_INET);
	for (int i = 0; i < 2; i++) {
		busy[i] = pair_open(AF_INET);
		task_start(&task[i], talk, &busy[i]);
	}
	for (int i = 0; i < 50; i++) {
		pid_t child = fork();
		int status = -1;
		if (child == 0) {
			watchdog_start();
			if (write(own.c, "child", 5) != 5 || read_exact(own.s, buffer, 5) != 5)
				_exit(1);
			fresh = pair_open(AF_INET);
			if (write(fresh.c, "child", 5) != 5 || read_exact(fresh.s, buffer, 5) != 5)
				_exit(2);
			_exit(0);
		}
		waitpid(child, &status, 0);
		failed += status != 0;
	}
	say("%d children failed", failed);
	stop = true;
	for (int i = 0; i < 2; i++)
		task_join(&task[i]);
	T(write(own.c, "parent", 6));
	T(read_exact(own.s, buffer, 6));
	return 0;
}
