/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POLICY: handshake_timeout = 0.2; */
/* Threads cancelled while connections open or come to nothing: everything else goes on. */
#include "../tasks.h"

static int l, deaf, c;
static struct pair p;
static char buffer[100];

/* Asks to be cancelled itself: the next call that may be cancelled ends it. */
static void accepts_cancelled(void *argument)
{
	(void)argument;
	pthread_cancel(pthread_self());
	accept(deaf, NULL, NULL);
}

static void polls_cancelled(void *argument)
{
	(void)argument;
	pthread_cancel(pthread_self());
	poll(NULL, 0, 1);
}

static void connects_cancelled(void *argument)
{
	union address a = address_of(l);
	(void)argument;
	pthread_cancel(pthread_self());
	connect(c, &a.any, address_size(&a));
}

static void reads(void *argument)
{
	(void)argument;
	read(p.c, buffer, sizeof(buffer));
}

static void polls(void *argument)
{
	(void)argument;
	poll(&(struct pollfd){.fd = p.c, .events = POLLIN}, 1, -1);
}

static void cancelled(struct task *t)
{
	void *result = NULL;
	trace_call = "pthread_join";
	pthread_join(t->thread, &result);
	say("%s", result == PTHREAD_CANCELED ? "cancelled" : "RETURNED");
}

int main(void)
{
	struct task t, other;

	watchdog_start();
	l = listen_on(AF_INET, 8);
	deaf = listen_on(AF_INET, 8);
	set_nonblocking(deaf, true);

	step("as a connection to somebody who never answers is given up");
	int hopeless = connect_to(l);
	poll(NULL, 0, 300);
	task_start(&t, accepts_cancelled, NULL);
	cancelled(&t);
	T(poll(NULL, 0, 10));
	close(hopeless);
	hopeless = connect_to(l);
	usleep(300000);
	task_start(&t, polls_cancelled, NULL);
	cancelled(&t);
	T(poll(NULL, 0, 10));
	close(hopeless);

	step("in connect");
	c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	task_start(&t, connects_cancelled, NULL);
	cancelled(&t);
	close(c);
	close(l);

	step("two that wait for a connection to open");
	p.l = listen_on(AF_INET, 8);
	p.c = connect_to(p.l);
	task_start(&t, reads, NULL);
	task_start(&other, polls, NULL);
	task_wait_asleep(&t);
	task_wait_asleep(&other);
	pthread_cancel(t.thread);
	cancelled(&t);
	pthread_cancel(other.thread);
	cancelled(&other);
	pair_close(&p);

	step("others go on");
	p = pair_open(AF_INET);
	T(write(p.c, "others", 6));
	T(read_exact(p.s, buffer, 6));
	say_poll("s", p.s, POLLIN, 10);
	return 0;
}
