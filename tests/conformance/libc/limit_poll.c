/* SPDX-License-Identifier: GPL-3.0-or-later */
/* poll takes as many as RLIMIT_NOFILE says, also while connections are being made; no more. */
#include "../trace.h"

#include <sys/resource.h>

enum { LIMIT = 64, MANY = 20 };

int main(void)
{
	struct pollfd p[LIMIT + 1];
	struct timespec soon = {0, 20000000};
	struct timeval now = {0, 0};
	int c[MANY], s[MANY];
	char byte;
	fd_set r;

	watchdog_start();
	int l = listen_on(AF_INET, 128);
	union address a = address_of(l);
	for (int i = 0; i < MANY; i++) {
		c[i] = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
		if (connect(c[i], &a.any, address_size(&a)) && errno != EINPROGRESS)
			trace_die("connect");
	}
	MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){LIMIT, LIMIT}));
	for (int i = 0; i <= LIMIT; i++)
		p[i] = (struct pollfd){.fd = i < MANY ? c[i] : -1, .events = POLLIN};
	T(poll(p, LIMIT - MANY, 0));
	T(poll(p, LIMIT - 1, 0));
	T(poll(p, LIMIT, 0));
	T(poll(p, LIMIT, 20));
	T(ppoll(p, LIMIT, &soon, NULL));
	T(poll(p, LIMIT + 1, 0));
	T(poll(p, LIMIT + 1, -1));
	FD_ZERO(&r);
	for (int i = 0; i < MANY; i++)
		FD_SET(c[i], &r);
	T(select(LIMIT, &r, NULL, NULL, &now));

	step("they are made all the same, by who waits for something else");
	int pipes[2];
	MUST(pipe(pipes));
	pid_t child = fork_watched();
	if (child == 0) {
		for (int i = 0; i < MANY; i++) {
			s[i] = (int)MUST(accept(l, NULL, NULL));
			MUST(write(s[i], "x", 1));
			MUST(read(s[i], &byte, 1));
		}
		_exit(write(pipes[1], "x", 1) == 1 ? 0 : 1);
	}
	for (int i = 0; i < MANY; i++) {
		while (write(c[i], "y", 1) < 0)
			wait_for(c[i], POLLOUT);
		p[i].fd = -1;
	}
	p[LIMIT - 1] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
	T(poll(p, LIMIT, -1));
	T(read(pipes[0], &byte, 1));
	say_wait("server", child);

	step("select is not bound by it");
	MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){4, LIMIT}));
	FD_ZERO(&r);
	for (int i = 0; i < MANY; i++)
		FD_SET(c[i], &r);
	T(select(LIMIT, &r, NULL, NULL, NULL));
	T(poll(p, 5, 0));
	return 0;
}
