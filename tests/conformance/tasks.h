/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads for the conformance programs: start one, and know when it waits in the kernel. */
#ifndef CONFORMANCE_TASKS_H
#define CONFORMANCE_TASKS_H

#include "trace.h"

#include <pthread.h>
#include <sys/syscall.h>

struct task {
	pthread_t thread;
	volatile pid_t tid;
	void (*run)(void *argument);
	void *argument;
};

HELPER void *task_main(void *argument)
{
	struct task *t = argument;
	t->tid = (pid_t)syscall(SYS_gettid);
	t->run(t->argument);
	return NULL;
}

/* With a stack of `stack` bytes; 0 is the usual size. */
HELPER void task_start_with(struct task *t, void (*run)(void *), void *argument, size_t stack)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	if (stack && pthread_attr_setstacksize(&attributes, stack))
		trace_die("pthread_attr_setstacksize");
	t->run = run;
	t->argument = argument;
	t->tid = 0;
	errno = pthread_create(&t->thread, &attributes, task_main, t);
	if (errno)
		trace_die("pthread_create");
	pthread_attr_destroy(&attributes);
}

HELPER void task_start(struct task *t, void (*run)(void *), void *argument)
{
	task_start_with(t, run, argument, 0);
}

HELPER void task_join(struct task *t)
{
	trace_call = "pthread_join";
	pthread_join(t->thread, NULL);
}

/* Waits until a thread of this process, or the only one of a child, has been asleep for a while. */
HELPER void wait_asleep(pid_t pid, pid_t tid)
{
	char path[64], text[512];
	int seen = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	while (seen < 10) {
		FILE *f = fopen(path, "r");
		size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
		text[n] = '\0';
		if (f)
			fclose(f);
		const char *end = strrchr(text, ')');
		seen = end && end[2] == 'S' ? seen + 1 : 0;
		poll(NULL, 0, 2);
	}
}

HELPER void task_wait_asleep(const struct task *t)
{
	while (t->tid == 0)
		poll(NULL, 0, 1);
	wait_asleep(getpid(), t->tid);
}

#endif
