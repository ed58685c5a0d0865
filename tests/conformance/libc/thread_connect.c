/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connect that waits in one thread is cancelled, replaced by dup2, or shut by another. */
#include "../tasks.h"

static int l, c;
static union address a;

static void nothing(int signal)
{
	(void)signal;
}

static void connects(void *argument)
{
	(void)argument;
	T(connect(c, &a.any, address_size(&a)));
}

static void begin(const char *name, struct task *t)
{
	step(name);
	c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	task_start(t, connects, NULL);
	task_wait_asleep(t);
}

int main(void)
{
	struct sigaction action = {.sa_handler = nothing};
	int ends[2], wakeup = SIGRTMAX - 2;
	struct task t;
	void *result = NULL;
	char byte;

	watchdog_start();
	/* A backlog of 0 holds one connection; the next SYN is dropped until it is taken. */
	l = listen_on(AF_INET, 0);
	a = address_of(l);
	int first = connect_to(l);

	begin("cancelled", &t);
	pthread_cancel(t.thread);
	trace_call = "pthread_join";
	pthread_join(t.thread, &result);
	say("%s", result == PTHREAD_CANCELED ? "cancelled" : "RETURNED");
	T(close(c));

	begin("shut in another thread", &t);
	int shut = shutdown(c, SHUT_RDWR);
	task_join(&t);
	say("shutdown %d", shut);
	T(close(c));

	begin("a marker over it, and a signal", &t);
	sigaction(wakeup, &action, NULL);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	close(ends[1]);
	MUST(dup2(ends[0], c));
	pthread_kill(t.thread, wakeup);
	task_join(&t);
	T(read(c, &byte, 1));
	T(close(c));

	step("the next one works");
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(first, s);
	T(write(first, "x", 1));
	T(read(s, &byte, 1));
	return 0;
}
