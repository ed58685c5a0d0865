/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shutdown in one thread ends the read, poll and epoll_wait of others; write gets EPIPE. */
#include "../tasks.h"

static struct pair p;
static char buffer[100];
static volatile int poll_events;

static void reads(void *argument)
{
	(void)argument;
	T(read(p.s, buffer, sizeof(buffer)));
}

static void receives(void *argument)
{
	(void)argument;
	T(recv(p.s, buffer, sizeof(buffer), MSG_WAITALL));
}

static void polls(void *argument)
{
	(void)argument;
	say_poll("s", p.s, POLLIN, -1);
}

static void epolls(void *argument)
{
	struct epoll_event e, event = {.events = EPOLLIN};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	(void)argument;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	T(epoll_wait(ep, &e, 1, -1));
}

static void selects(void *argument)
{
	fd_set r;
	(void)argument;
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	T(select(p.s + 1, &r, NULL, NULL, NULL));
}

/* A write of more than fits; the reader never comes. */
static void writes(void *argument)
{
	static char big[8 << 20];
	ssize_t n;
	(void)argument;
	do
		n = send(p.s, big, sizeof(big), MSG_NOSIGNAL);
	while (n > 0);
	say("send ends with %s", strerrorname_np(errno));
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void *);
		int how;
	} cases[] = {
		{"read, SHUT_RDWR", reads, SHUT_RDWR},    {"read, SHUT_RD", reads, SHUT_RD},
		{"recv, SHUT_RDWR", receives, SHUT_RDWR}, {"poll, SHUT_RDWR", polls, SHUT_RDWR},
		{"epoll, SHUT_RD", epolls, SHUT_RD},      {"select, SHUT_RD", selects, SHUT_RD},
		{"write, SHUT_RDWR", writes, SHUT_RDWR},  {"write, SHUT_WR", writes, SHUT_WR},
	};

	watchdog_start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task t;
		step(cases[i].name);
		p = pair_open(AF_INET);
		task_start(&t, cases[i].run, NULL);
		task_wait_asleep(&t);
		if (shutdown(p.s, cases[i].how))
			say("shutdown FAILED");
		task_join(&t);
		pair_close(&p);
	}

	step("the peer's shutdown ends a read");
	struct task t;
	p = pair_open(AF_INET);
	task_start(&t, reads, NULL);
	task_wait_asleep(&t);
	MUST(shutdown(p.c, SHUT_WR));
	task_join(&t);
	T(write(p.s, "goes on", 7));
	T(read_exact(p.c, buffer, 7));
	return 0;
}
