/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peer resets: what readers, writers and pollers that wait see, and who asks afterwards. */
#include "../tasks.h"

static struct pair p;
static char buffer[100];

static void reads(void *argument)
{
	(void)argument;
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
	T(send(p.s, "x", 1, MSG_NOSIGNAL));
}

static void gathers(void *argument)
{
	(void)argument;
	T(recv(p.s, buffer, sizeof(buffer), MSG_WAITALL));
	T(read(p.s, buffer, sizeof(buffer)));
}

static void polls(void *argument)
{
	int error = -1;
	socklen_t length = sizeof(error);
	(void)argument;
	say_poll("s", p.s, POLLIN | POLLRDHUP, -1);
	T(getsockopt(p.s, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %s", strerrorname_np(error));
	T(getsockopt(p.s, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %d", error);
	T(read(p.s, buffer, sizeof(buffer)));
	T(send(p.s, "x", 1, MSG_NOSIGNAL));
}

static void waits_for_edges(void *argument)
{
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	(void)argument;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	do
		MUST(epoll_wait(ep, &e, 1, -1));
	while (!(e.events & EPOLLIN));
	say("%s", events_name(e.events));
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
}

static void selects(void *argument)
{
	fd_set r, w;
	(void)argument;
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	T(select(p.s + 1, &r, NULL, NULL, NULL));
	w = r;
	T(select(p.s + 1, &r, &w, NULL, NULL));
	T(send(p.s, "x", 1, MSG_NOSIGNAL));
	T(read(p.s, buffer, sizeof(buffer)));
}

static void writes(void *argument)
{
	static char big[8 << 20];
	ssize_t n;
	(void)argument;
	while ((n = send(p.s, big, sizeof(big), MSG_NOSIGNAL)) > 0)
		;
	say("send ends with %s", strerrorname_np(errno));
	T(send(p.s, big, 1, MSG_NOSIGNAL));
	T(read(p.s, buffer, 1));
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void *);
	} cases[] = {{"read", reads},
	             {"MSG_WAITALL", gathers},
	             {"poll, SO_ERROR", polls},
	             {"an edge", waits_for_edges},
	             {"select", selects},
	             {"write", writes}};
	struct linger hard = {.l_onoff = 1};

	watchdog_start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task t;
		step(cases[i].name);
		p = pair_open(AF_INET);
		MUST(setsockopt(p.c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		if (cases[i].run == gathers)
			MUST(write(p.c, "a part", 6));
		task_start(&t, cases[i].run, NULL);
		task_wait_asleep(&t);
		close(p.c);
		task_join(&t);
		close(p.s);
		close(p.l);
	}

	step("with data that nobody has read yet");
	p = pair_open(AF_INET);
	MUST(setsockopt(p.c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	MUST(write(p.c, "0123456789", 10));
	wait_readable(p.s);
	T(read(p.s, buffer, 3));
	close(p.c);
	wait_for(p.s, POLLHUP);
	say_poll("s", p.s, POLLIN | POLLOUT | POLLRDHUP, 0);
	T(send(p.s, "x", 1, MSG_NOSIGNAL));
	T(shutdown(p.s, SHUT_WR));
	T(close(p.s));
	return 0;
}
