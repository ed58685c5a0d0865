/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The JDK's way to close: dup2 of a marker over the socket, then a signal to the blocked thread. */
#include "../tasks.h"

static struct pair p;
static char buffer[100];

static void nothing(int signal)
{
	(void)signal;
}

static void reads(void *argument)
{
	(void)argument;
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
}

static void polls(void *argument)
{
	(void)argument;
	T(poll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, -1));
	say_poll("s", p.s, POLLIN, 0);
}

int main(void)
{
	struct sigaction action = {.sa_handler = nothing};
	int ends[2], wakeup = SIGRTMAX - 2;

	watchdog_start();
	sigaction(wakeup, &action, NULL);
	/* A descriptor that always reads as ended. */
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	close(ends[1]);

	for (int turn = 0; turn < 2; turn++) {
		struct task t;
		step(turn ? "blocked in poll" : "blocked in read");
		p = pair_open(AF_INET);
		task_start(&t, turn ? polls : reads, NULL);
		task_wait_asleep(&t);
		say("dup2 %s", dup2(ends[0], p.s) == p.s ? "done" : "FAILED");
		pthread_kill(t.thread, wakeup);
		task_join(&t);
		T(read(p.c, buffer, sizeof(buffer)));
		T(read(p.s, buffer, sizeof(buffer)));
		T(close(p.s));
		T(send(p.c, "x", 1, MSG_NOSIGNAL));
		pair_close(&p);
	}
	return 0;
}
