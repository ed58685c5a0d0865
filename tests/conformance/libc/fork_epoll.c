/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread is busy with epoll_ctl as the process forks: the child's own epoll_ctl works. */
#include "../tasks.h"

static volatile bool stop;
static struct pair p;
static int ep;

static void modify(void *argument)
{
	struct epoll_event event = {.events = EPOLLIN};
	(void)argument;
	while (!stop)
		epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event);
}

int main(void)
{
	struct epoll_event e, event = {.events = EPOLLIN};
	struct task t;
	int failed = 0;
	char buffer[8];

	watchdog_start();
	p = pair_open(AF_INET);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	task_start(&t, modify, NULL);
	for (int i = 0; i < 200; i++) {
		pid_t child = fork_watched();
		int status = -1;
		if (child == 0)
			_exit(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event) != 0 ||
			      epoll_wait(ep, &e, 1, 0) != 0);
		waitpid(child, &status, 0);
		failed += status != 0;
	}
	stop = true;
	task_join(&t);
	say("%d children failed", failed);
	MUST(write(p.c, "x", 1));
	T(epoll_wait(ep, &e, 1, -1));
	T(read(p.s, buffer, sizeof(buffer)));
	return 0;
}
