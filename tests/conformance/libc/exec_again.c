/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A daemon that starts itself anew, twice: it goes on listening, and its peers see one end each. */
#include "../trace.h"

#include <stdlib.h>

enum { LISTENER = 50 };
static char buffer[10];

static void serve_one(void)
{
	int s = (int)MUST(accept(LISTENER, NULL, NULL));
	T(read_exact(s, buffer, 5));
	T(write(s, "reply", 5));
	MUST(fcntl(s, F_SETFD, FD_CLOEXEC));
	/* s is open still when the next image comes, or the process ends. */
}

static int client(int l)
{
	for (int i = 0; i < 3; i++) {
		int c = connect_to(l);
		MUST(write(c, "first", 5));
		if (read_exact(c, buffer, 5) != 5 || read(c, buffer, 1) != 0)
			return 1;
		close(c);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int turn = argc > 1 ? atoi(argv[1]) : 0;
	watchdog_start();
	if (turn == 0) {
		int l = listen_on(AF_INET, 8);
		pid_t child = fork_watched();
		if (child == 0)
			_exit(client(l));
		pid_t daemon = fork_watched();
		if (daemon) {
			close(l);
			say_wait("daemon", daemon);
			say_wait("client", child);
			return 0;
		}
		MUST(dup2(l, LISTENER));
		close(l);
	}
	step(turn == 0 ? "the first image" : turn == 1 ? "the second" : "the third");
	serve_one();
	if (turn < 2)
		execl("/proc/self/exe", argv[0], turn == 0 ? "1" : "2", NULL);
	return turn < 2;
}
