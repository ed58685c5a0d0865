/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread waits in system(3) since before there was a connection: those that come meanwhile, and
 * programs that are started afterwards, do not change each other. */
#include "../trace.h"

#include <pthread.h>
#include <spawn.h>

static int ends[2];
static char text[8];

static void *start(void *unused)
{
	char command[64];
	snprintf(command, sizeof(command), "read line <&%d", ends[0]);
	if (system(command))
		say("NOT READ");
	return unused;
}

static void others(void)
{
	char *const yes[] = {"true", NULL};
	pid_t pid;
	say("%d", posix_spawn(&pid, "/bin/true", NULL, NULL, yes, environ));
	say_wait("true", pid);
}

int main(void)
{
	pthread_t thread;
	watchdog_start();
	MUST(pipe(ends));
	pthread_create(&thread, NULL, start, NULL);
	for (int unread = 1; unread;) { /* until the shell has it */
		MUST(write(ends[1], "x", 1));
		poll(NULL, 0, 1);
		MUST(ioctl(ends[0], FIONREAD, &unread));
	}
	struct pair p = pair_open(AF_INET);
	MUST(fcntl(p.s, F_SETFD, 0));
	others();
	T(fcntl(p.s, F_GETFD));
	MUST(write(ends[1], "\n", 1));
	pthread_join(thread, NULL);
	T(fcntl(p.s, F_GETFD));
	others();
	T(fcntl(p.s, F_GETFD));
	T(fcntl(p.c, F_GETFD));
	T(write(p.c, "works", 5));
	T(read_exact(p.s, text, 5));
	pair_close(&p);
	return 0;
}
