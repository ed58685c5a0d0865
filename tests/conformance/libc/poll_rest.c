/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whoever waits on a connection where nothing happens uses no CPU time, in every way of waiting. */
#include "../tasks.h"

static struct pair p;
static int ep;

static void in_poll(void)
{
	for (;;)
		poll(&(struct pollfd){.fd = p.c, .events = POLLIN | POLLRDHUP}, 1, -1);
}

static void in_ppoll(void)
{
	for (;;)
		ppoll(&(struct pollfd){.fd = p.c, .events = POLLIN}, 1, NULL, NULL);
}

static void in_select(void)
{
	fd_set r, e;
	for (;;) {
		FD_ZERO(&r);
		FD_SET(p.c, &r);
		e = r;
		select(p.c + 1, &r, NULL, &e, NULL);
	}
}

static void in_set(uint32_t events, bool nested)
{
	struct epoll_event e, event = {.events = EPOLLIN | events};
	int outer = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.c, &event));
	event.events = EPOLLIN;
	MUST(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &event));
	for (;;)
		epoll_wait(nested ? outer : ep, &e, 1, -1);
}

static void in_epoll(void)
{
	in_set(0, false);
}

/* The room there is to write is no news after the first time. */
static void in_edges(void)
{
	in_set(EPOLLOUT | EPOLLRDHUP | EPOLLET, false);
}

static void in_nested_set(void)
{
	in_set(0, true);
}

static void in_accept(void)
{
	for (;;)
		accept(p.l, NULL, NULL);
}

static void in_recv(void)
{
	char buffer[100];
	for (;;)
		recv(p.c, buffer, sizeof(buffer), MSG_WAITALL);
}

static void in_peek(void)
{
	char buffer[100];
	for (;;)
		recv(p.c, buffer, sizeof(buffer), MSG_PEEK);
}

static void elsewhere(void)
{
	for (;;)
		pause();
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {{"poll", in_poll},       {"ppoll", in_ppoll}, {"select", in_select},
             {"epoll", in_epoll},     {"edges", in_edges}, {"a set in a set", in_nested_set},
             {"accept", in_accept},   {"recv", in_recv},   {"MSG_PEEK", in_peek},
             {"elsewhere", elsewhere}};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/* All at once: each process has a connection of its own, and all of them wait. */
static void rest(const char *name, bool settled, bool blocking)
{
	pid_t child[CASES];
	struct pair own[CASES];
	long before[CASES];
	step(name);
	for (int i = 0; i < CASES; i++) {
		p = own[i] = settled ? pair_open(AF_INET) : pair_fresh(AF_INET);
		set_nonblocking(p.c,
		                !blocking && cases[i].run != in_recv && cases[i].run != in_peek);
		ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		child[i] = fork_watched();
		if (child[i] == 0)
			cases[i].run();
		close(ep);
	}
	for (int i = 0; i < CASES; i++)
		wait_asleep(child[i], child[i]);
	for (int i = 0; i < CASES; i++)
		before[i] = cpu_ticks(child[i]);
	poll(NULL, 0, 400);
	for (int i = 0; i < CASES; i++) {
		long used = (cpu_ticks(child[i]) - before[i]) * 1000 / sysconf(_SC_CLK_TCK);
		say("%s: %s", cases[i].name, used < 150 ? "at rest" : "SPINNING");
		kill(child[i], SIGKILL);
		waitpid(child[i], NULL, 0);
		pair_close(&own[i]);
	}
}

int main(void)
{
	watchdog_start();
	rest("blocking", true, true);
	rest("non-blocking", true, false);
	rest("blocking, nothing said yet", false, true);
	rest("non-blocking, nothing said yet", false, false);
	return 0;
}
