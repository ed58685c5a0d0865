/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signal that only the mask of ppoll lets in: it ends the wait, unless there is news. */
#include "../trace.h"

static volatile int caught;
static sigset_t none;
static int pipes[2];

static void count(int signal)
{
	(void)signal;
	caught++;
}

enum { CALLS = 9 };

static long call(int number, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec zero = {0, 0}, soon = {0, 20000000}, second = {1, 0};
	struct epoll_event e, event = {.events = EPOLLIN};
	fd_set r;

	FD_ZERO(&r);
	FD_SET(fd, &r);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	long result = -2;
	errno = ENOTUNIQ;
	if (number == 0)
		result = ppoll(&p, 1, &zero, &none);
	else if (number == 1)
		result = ppoll(&p, 1, &second, &none);
	else if (number == 2)
		result = ppoll(&p, 1, NULL, &none);
	else if (number == 3)
		result = pselect(fd + 1, &r, NULL, NULL, &zero, &none);
	else if (number == 4)
		result = pselect(fd + 1, &r, NULL, NULL, NULL, &none);
	else if (number == 5)
		result = epoll_pwait(ep, &e, 1, 0, &none);
	else if (number == 6)
		result = epoll_pwait(ep, &e, 1, -1, &none);
	else if (number == 7)
		result = epoll_pwait2(ep, &e, 1, &zero, &none);
	else
		result = epoll_pwait2(ep, &e, 1, &soon, &none);
	int error = errno;
	close(ep);
	errno = error;
	return result;
}

/*
 * `ready` says what there is for who asks about `fd`.  In the first end of a pair something may be
 * there that is not the program's business: the other end has just been touched.
 */
static void all(const char *ready, bool of_pipe, bool written)
{
	static const char *const names[CALLS] = {
		"ppoll, now",        "ppoll, a second",      "ppoll",
		"pselect, now",      "pselect",              "epoll_pwait, now",
		"epoll_pwait",       "epoll_pwait2, now",    "epoll_pwait2, soon"};
	sigset_t full, before;
	char byte;

	step(ready);
	sigfillset(&full);
	sigdelset(&full, SIGRTMAX);
	for (int i = 0; i < CALLS; i++) {
		struct pair p = pair_fresh(AF_INET);
		pair_nonblocking(&p);
		wait_arrived(p.c, p.s);
		if (recv(p.s, &byte, 1, 0) != -1 || errno != EAGAIN)
			trace_die("recv");
		wait_arrived(p.s, p.c);
		if (written)
			MUST(write(pipes[1], "x", 1));
		sigprocmask(SIG_SETMASK, &full, &before);
		caught = 0;
		raise(SIGALRM);
		long result = call(i, of_pipe ? pipes[0] : p.c);
		say("%s: %ld %s, caught %d", names[i], result,
		    result < 0 ? strerrorname_np(errno) : "", caught);
		sigprocmask(SIG_SETMASK, &before, NULL);
		say("caught %d", caught);
		if (written)
			MUST(read(pipes[0], &byte, 1));
		pair_close(&p);
	}
}

int main(void)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};

	watchdog_start();
	sigemptyset(&none);
	sigaction(SIGALRM, &action, NULL);
	MUST(pipe(pipes));
	all("a pipe, empty", true, false);
	all("a pipe, with something in it", true, true);
	all("a connection", false, false);
	return 0;
}
