/* SPDX-License-Identifier: GPL-3.0-or-later */
/* O_NONBLOCK by fcntl, by FIONBIO, by another process and another name: reads follow at once. */
#include "../trace.h"

int main(void)
{
	char buffer[16];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	say("blocking: %d", !(fcntl(p.s, F_GETFL) & O_NONBLOCK));

	step("fcntl");
	T(fcntl(p.s, F_SETFL, O_NONBLOCK));
	T(read(p.s, buffer, 1));
	T((fcntl(p.s, F_GETFL) & O_NONBLOCK) != 0);
	T(fcntl(p.s, F_SETFL, 0));
	T((fcntl(p.s, F_GETFL) & O_NONBLOCK) != 0);
	MUST(write(p.c, "x", 1));
	T(read(p.s, buffer, 1));

	step("FIONBIO");
	T(ioctl(p.s, FIONBIO, &(int){1}));
	T(read(p.s, buffer, 1));
	T((fcntl(p.s, F_GETFL) & O_NONBLOCK) != 0);
	T(ioctl(p.s, FIONBIO, &(int){0}));
	T((fcntl(p.s, F_GETFL) & O_NONBLOCK) != 0);
	MUST(write(p.c, "y", 1));
	T(read(p.s, buffer, 1));

	step("by another name");
	int other = (int)MUST(dup(p.s));
	T(fcntl(other, F_SETFL, O_NONBLOCK));
	T(read(p.s, buffer, 1));
	T(fcntl(p.s, F_SETFL, 0));

	step("by another process");
	pid_t child = fork_watched();
	if (child == 0)
		_exit(fcntl(p.s, F_SETFL, O_NONBLOCK));
	say_wait("child", child);
	T(read(p.s, buffer, 1));
	child = fork_watched();
	if (child == 0) {
		fcntl(p.s, F_SETFL, 0);
		poll(NULL, 0, 20);
		_exit(write(p.c, "z", 1) != 1);
	}
	say_wait("child", child);
	T(read(p.s, buffer, 1));

	step("FIOCLEX, FIONCLEX, F_SETFD");
	T(ioctl(p.s, FIOCLEX));
	T(fcntl(p.s, F_GETFD));
	T(ioctl(p.s, FIONCLEX));
	T(fcntl(p.s, F_GETFD));
	return 0;
}
