/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time limits of poll and select run out on a quiet connection; EINTR and masks as ever. */
#include "../trace.h"

static volatile int caught;

static void count(int signal)
{
	(void)signal;
	caught++;
}

int main(void)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
	struct itimerval soon = {.it_value.tv_usec = 30000};
	sigset_t all, none;
	fd_set r;

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	sigaction(SIGALRM, &action, NULL);

	step("time runs out");
	say_poll("s", p.s, POLLIN, 20);
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	struct timeval left = {.tv_usec = 20000};
	T(select(p.s + 1, &r, NULL, NULL, &left));
	say("%s, %s left", FD_ISSET(p.s, &r) ? "set" : "clear",
	    left.tv_sec || left.tv_usec ? "time" : "none");
	T(epoll_wait(ep, &event, 1, 20));

	step("a signal ends each, SA_RESTART or not");
	setitimer(ITIMER_REAL, &soon, NULL);
	T(poll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, -1));
	setitimer(ITIMER_REAL, &soon, NULL);
	T(ppoll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, NULL, NULL));
	FD_SET(p.s, &r);
	setitimer(ITIMER_REAL, &soon, NULL);
	T(select(p.s + 1, &r, NULL, NULL, NULL));
	setitimer(ITIMER_REAL, &soon, NULL);
	T(pselect(p.s + 1, &r, NULL, NULL, NULL, NULL));
	setitimer(ITIMER_REAL, &soon, NULL);
	T(epoll_wait(ep, &event, 1, -1));
	say("caught %d", caught);

	step("a blocked signal waits for the mask of ppoll, pselect and epoll_pwait");
	sigfillset(&all);
	sigdelset(&all, SIGRTMAX);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	raise(SIGALRM);
	T(poll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, 10));
	say("caught %d", caught);
	T(ppoll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, NULL, &none));
	raise(SIGALRM);
	T(pselect(p.s + 1, &r, NULL, NULL, NULL, &none));
	raise(SIGALRM);
	T(epoll_pwait(ep, &event, 1, -1, &none));
	raise(SIGALRM);
	T(epoll_pwait2(ep, &event, 1, NULL, &none));
	T(epoll_pwait2(ep, &event, 1, &(struct timespec){.tv_nsec = 1000000}, NULL));
	say("caught %d", caught);
	return 0;
}
