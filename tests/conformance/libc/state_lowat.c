/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program's own SO_RCVLOWAT: it is kept, and what is there in plenty is readable. */
#include "../trace.h"

/*
 * The kernel counts bytes on the wire, so a program may be woken a little early; not asked here.
 */
int main(void)
{
	char buffer[200] = {0};
	int value = -1;
	socklen_t length = sizeof(value);

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	T(setsockopt(p.s, SOL_SOCKET, SO_RCVLOWAT, &(int){10}, sizeof(int)));
	say_poll("s", p.s, POLLIN, 20);
	MUST(write(p.c, buffer, 100));
	say_poll("s", p.s, POLLIN, -1);
	T(read(p.s, buffer, 30));
	say_poll("70 are left: s", p.s, POLLIN, 20);
	T(read(p.s, buffer, 30));
	say_poll("40 are left: s", p.s, POLLIN, 20);
	T(recv(p.s, buffer, 20, MSG_PEEK | MSG_DONTWAIT));
	say_poll("40 are left: s", p.s, POLLIN, 20);
	T(read(p.s, buffer, sizeof(buffer)));
	say_poll("s", p.s, POLLIN, 20);
	T(getsockopt(p.s, SOL_SOCKET, SO_RCVLOWAT, &value, &length));
	say("%d", value);

	step("more than any record has");
	T(setsockopt(p.s, SOL_SOCKET, SO_RCVLOWAT, &(int){2000}, sizeof(int)));
	char large[4000] = {0};
	for (int i = 0; i < 3; i++)
		MUST(write(p.c, large, 900));
	say_poll("s", p.s, POLLIN, -1);
	T(recv(p.s, large, sizeof(large), MSG_PEEK | MSG_DONTWAIT));
	say_poll("s", p.s, POLLIN, 20);
	T(read(p.s, large, sizeof(large)));

	step("a blocking read gathers as many");
	pid_t child = fork_watched();
	if (child == 0) {
		for (int i = 0; i < 3; i++) {
			MUST(write(p.c, buffer, 50));
			poll(NULL, 0, 5);
		}
		_exit(0);
	}
	T(setsockopt(p.s, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int)));
	T(read_exact(p.s, buffer, 150));
	say_wait("writer", child);
	return 0;
}
