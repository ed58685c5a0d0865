/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the epoll family is not to be given: told at once, whatever else is going on. */
#include "../trace.h"

static void *const bad = (void *)8; /* a variable, so that no compiler knows better */

static void ask(const char *when, int ep, int s)
{
	struct epoll_event e[4];
	struct timespec long_ns = {0, 1000000000}, negative_ns = {0, -1}, negative = {-1, 0},
	                none = {0, 0}, distant = {INT64_MAX, 0};
	int pipes[2];

	step(when);
	MUST(pipe(pipes));
	T(epoll_wait(ep, e, 0, -1));
	T(epoll_wait(ep, e, -1, -1));
	T(epoll_wait(ep, e, INT32_MAX, -1));
	T(epoll_wait(-1, e, 4, -1));
	T(epoll_wait(999, e, 4, -1));
	T(epoll_wait(s, e, 4, -1));
	T(epoll_wait(pipes[0], e, 4, -1));
	T(epoll_pwait(ep, e, 0, -1, NULL));
	T(epoll_pwait(s, e, 4, -1, NULL));
	T(epoll_pwait(pipes[0], e, 4, -1, NULL));
	T(epoll_pwait2(ep, e, 4, &long_ns, NULL));
	T(epoll_pwait2(ep, e, 4, &negative_ns, NULL));
	T(epoll_pwait2(ep, e, 4, &negative, NULL));
	T(epoll_pwait2(ep, e, 4, bad, NULL));
	T(epoll_pwait2(ep, e, 0, NULL, NULL));
	T(epoll_pwait2(s, e, 4, NULL, NULL));
	T(epoll_pwait2(pipes[0], e, 4, &distant, NULL));
	T(epoll_pwait2(ep, e, 4, &none, NULL));
	T(epoll_wait(ep, e, 4, 0));

	struct epoll_event event = {.events = EPOLLIN};
	T(epoll_ctl(ep, EPOLL_CTL_ADD, s, NULL));
	T(epoll_ctl(ep, EPOLL_CTL_ADD, s, bad));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, s, bad));
	T(epoll_ctl(ep, 99, s, &event));
	T(epoll_ctl(s, EPOLL_CTL_ADD, s, &event));
	T(epoll_ctl(pipes[0], EPOLL_CTL_ADD, s, &event));
	T(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &event));
	T(epoll_ctl(ep, EPOLL_CTL_DEL, s, bad));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, s, &event));
	T(epoll_ctl(ep, EPOLL_CTL_ADD, s, &event));
	T(epoll_ctl(ep, EPOLL_CTL_ADD, s, &event));
	close(pipes[0]);
	close(pipes[1]);
}

/* What failed has changed nothing. */
static void still(struct pair *p, int ep)
{
	struct epoll_event e, other = {.events = EPOLLOUT, .data.u32 = 7};
	T(epoll_ctl(ep, EPOLL_CTL_ADD, p->s, &other));
	T(epoll_wait(ep, &e, 1, 20));
	MUST(write(p->c, "x", 1));
	do
		MUST(epoll_wait(ep, &e, 1, -1));
	while (recv(p->s, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
	say("%x %u", e.events, e.data.u32);
}

int main(void)
{
	struct epoll_event event = {.events = EPOLLIN};

	watchdog_start();
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct pair p = pair_fresh(AF_INET);
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	ask("ends that have not spoken", ep, p.s);
	still(&p, ep);
	pair_close(&p);

	p = pair_fresh(AF_INET);
	pair_nonblocking(&p);
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	ask("not blocking", ep, p.s);
	pair_close(&p);

	p = pair_open(AF_INET);
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	ask("ends that have", ep, p.s);
	still(&p, ep);
	return 0;
}
