/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call by number is no place to be cancelled in; libuv closes so. */
#include "../trace.h"

#include <pthread.h>
#include <sys/syscall.h>

static struct pair p;
static bool asked;

static void *run(void *unused)
{
	char text[16] = "";
	struct pollfd f = {.fd = p.c, .events = POLLOUT};
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, unused);
	int copy = (int)MUST(dup(p.c));
	while (!__atomic_load_n(&asked, __ATOMIC_ACQUIRE))
		sched_yield();
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	long wrote = syscall(SYS_write, (long)p.c, "hello", 5L);
	long got = syscall(SYS_recvfrom, (long)p.s, text, 5L, (long)MSG_WAITALL, NULL, NULL);
	long ready = syscall(SYS_ppoll, &f, 1L, NULL, NULL, 0L);
	long closed = syscall(SYS_close, (long)copy);
	long last = syscall(SYS_close, (long)p.c);
	long end = syscall(SYS_read, (long)p.s, text + 5, 5L);
	int before;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	say("wrote %ld, got %ld %s, ready %ld, closed %ld %ld, end %ld", wrote, got, text, ready,
	    closed, last, end);
	say("to be cancelled: %d", before == PTHREAD_CANCEL_ENABLE);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	return NULL;
}

/* On the memory of the thread that waits for it. */
static void start_program(void)
{
	static char *argv[] = {"true", NULL};
	int before;
	pid_t child = vfork();
	if (child == 0) {
		syscall(SYS_execve, "/bin/true", argv, NULL);
		_exit(127);
	}
	say_wait("program", child);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	say("to be cancelled: %d", before == PTHREAD_CANCEL_ENABLE);
}

int main(void)
{
	pthread_t thread;
	void *end;
	watchdog_start();
	start_program();
	p = pair_open(AF_INET);
	errno = pthread_create(&thread, NULL, run, NULL);
	if (errno)
		trace_die("pthread_create");
	pthread_cancel(thread);
	__atomic_store_n(&asked, true, __ATOMIC_RELEASE);
	pthread_join(thread, &end);
	say("%s", end == PTHREAD_CANCELED ? "cancelled" : "at its end");
	return 0;
}
