/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connect that cannot finish: SO_SNDTIMEO ends it, a signal ends it, and the socket goes on. */
#include "../trace.h"

static void nothing(int signal)
{
	(void)signal;
}

int main(void)
{
	watchdog_start();
	/* A backlog of 0 holds one connection; the next SYN is dropped until it is taken. */
	int l = listen_on(AF_INET, 0);
	union address a = address_of(l);
	int first = connect_to(l);

	step("timed out");
	struct timeval limit = {.tv_usec = 100000};
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	T(connect(c, &a.any, address_size(&a)));
	T(connect(c, &a.any, address_size(&a)));
	T(close(c));

	step("interrupted");
	struct sigaction action = {.sa_handler = nothing};
	struct itimerval soon = {.it_value.tv_usec = 100000, .it_interval.tv_usec = 100000};
	sigaction(SIGALRM, &action, NULL);
	c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	setitimer(ITIMER_REAL, &soon, NULL);
	T(connect(c, &a.any, address_size(&a)));

	step("asked again while it is under way");
	T(connect(c, &a.any, address_size(&a)));
	memset(&soon, 0, sizeof(soon));
	setitimer(ITIMER_REAL, &soon, NULL);
	set_nonblocking(c, true);
	T(connect(c, &a.any, address_size(&a)));

	step("room at last");
	int s = (int)MUST(accept(l, NULL, NULL));
	close(first);
	close(s);
	int error = -1;
	socklen_t length = sizeof(error);
	say("%s", events_name((uint32_t)wait_for(c, POLLOUT)));
	T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %d", error);
	T(connect(c, &a.any, address_size(&a)));
	T(connect(c, &a.any, address_size(&a)));
	s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	char byte;
	T(write(c, "x", 1));
	T(read(s, &byte, 1));
	return 0;
}
