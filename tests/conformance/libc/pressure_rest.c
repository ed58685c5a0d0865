/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whoever waits for room, for bytes or for the end uses no CPU time, in every way of waiting. */
#include "../tasks.h"

static struct pair p;
static char big[1 << 16];

static void in_write(void)
{
	while (write(p.c, big, sizeof(big)) > 0)
		;
}

static void fill_up(void)
{
	set_nonblocking(p.c, true);
	for (int quiet = 0; quiet < 5; quiet++) {
		while (write(p.c, big, sizeof(big)) > 0)
			quiet = 0;
		poll(NULL, 0, 10);
	}
}

static void in_poll(void)
{
	fill_up();
	for (;;)
		if (poll(&(struct pollfd){.fd = p.c, .events = POLLIN | POLLOUT}, 1, -1) == 1)
			(void)!write(p.c, big, sizeof(big));
}

static void in_epoll(void)
{
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLOUT};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	fill_up();
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.c, &event));
	for (;;)
		if (epoll_wait(ep, &e, 1, -1) == 1)
			(void)!write(p.c, big, sizeof(big));
}

static void in_select(void)
{
	fd_set w;
	fill_up();
	for (;;) {
		FD_ZERO(&w);
		FD_SET(p.c, &w);
		if (select(p.c + 1, NULL, &w, NULL, NULL) == 1)
			(void)!write(p.c, big, sizeof(big));
	}
}

static void in_read(void)
{
	for (;;)
		(void)!read(p.c, big, sizeof(big));
}

/* Something is there, which a program that is busy elsewhere does not ask about. */
static void beside_unread(void)
{
	struct epoll_event e, event = {.events = EPOLLRDHUP};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(write(p.s, "0123456789", 10));
	wait_readable(p.c);
	MUST(read(p.c, big, 5));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.c, &event));
	for (;;)
		epoll_wait(ep, &e, 1, -1);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {{"write", in_write},     {"poll", in_poll}, {"epoll", in_epoll},
	             {"select", in_select},   {"read", in_read},
	             {"beside what is unread", beside_unread}};

	watchdog_start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p = pair_open(AF_INET);
		pid_t child = fork_watched();
		if (child == 0) {
			cases[i].run();
			_exit(1);
		}
		wait_asleep(child, child);
		poll(NULL, 0, 200); /* until it is full */
		long before = cpu_ticks(child);
		poll(NULL, 0, 300);
		say("%s: %s", cases[i].name,
		    (cpu_ticks(child) - before) * 1000 / sysconf(_SC_CLK_TCK) < 100 ? "at rest"
		                                                               : "SPINNING");
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		pair_close(&p);
	}
	return 0;
}
