/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SO_RCVTIMEO on a listener ends accept with EAGAIN; a signal ends it with EINTR. */
#include "../trace.h"

static void nothing(int signal)
{
	(void)signal;
}

int main(void)
{
	struct timeval limit = {.tv_usec = 50000};
	struct sigaction action = {.sa_handler = nothing};

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	MUST(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	T(accept(l, NULL, NULL));
	limit.tv_usec = 0;
	MUST(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));

	sigaction(SIGALRM, &action, NULL);
	struct itimerval soon = {.it_value.tv_usec = 50000, .it_interval.tv_usec = 50000};
	setitimer(ITIMER_REAL, &soon, NULL);
	T(accept(l, NULL, NULL));
	memset(&soon, 0, sizeof(soon));
	setitimer(ITIMER_REAL, &soon, NULL);

	int c = connect_to(l);
	T(accept(l, NULL, NULL) >= 0);
	close(c);
	return 0;
}
