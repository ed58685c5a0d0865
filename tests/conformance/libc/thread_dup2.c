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

static void epolls(void *argument)
{
	struct epoll_event e, event = {.events = EPOLLIN};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	(void)argument;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	T(epoll_wait(ep, &e, 1, -1));
	close(ep);
}

/* More than fits; the reader does not come before it is over. */
static void writes(void *argument)
{
	static char big[1 << 20];
	ssize_t n;
	(void)argument;
	do
		n = send(p.s, big, sizeof(big), MSG_NOSIGNAL);
	while (n > 0);
	say("send ends with %s", strerrorname_np(errno));
}

static void accepts(void *argument)
{
	(void)argument;
	T(accept(p.l, NULL, NULL));
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void *);
	} cases[] = {{"blocked in read", reads},
	             {"blocked in poll", polls},
	             {"blocked in epoll_wait", epolls},
	             {"blocked in write", writes},
	             {"blocked in accept", accepts}};
	struct sigaction action = {.sa_handler = nothing};
	int ends[2], wakeup = SIGRTMAX - 2;

	watchdog_start();
	sigaction(wakeup, &action, NULL);
	/* A descriptor that always reads as ended. */
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	close(ends[1]);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task t;
		step(cases[i].name);
		p = pair_open(AF_INET);
		int *fd = cases[i].run == accepts ? &p.l : &p.s;
		task_start(&t, cases[i].run, NULL);
		task_wait_asleep(&t);
		say("dup2 %s", dup2(ends[0], *fd) == *fd ? "done" : "FAILED");
		pthread_kill(t.thread, wakeup);
		task_join(&t);
		T(read(*fd, buffer, sizeof(buffer)));
		T(close(*fd));
		if (fd == &p.l)
			close(p.s);
		/* All that was written, then the end. */
		while (read(p.c, buffer, sizeof(buffer)) > 0)
			;
		T(read(p.c, buffer, sizeof(buffer)));
		T(send(p.c, "x", 1, MSG_NOSIGNAL));
		pair_close(&p);
	}
	return 0;
}
