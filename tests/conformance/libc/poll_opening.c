/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A non-blocking end whose peer is there and says nothing yet is not readable, whoever asks. */
#include "../trace.h"

static int client(int l, int word)
{
	struct pollfd p = {.fd = word, .events = POLLIN};
	int c = connect_to(l);
	MUST(poll(&p, 1, -1));
	return write_all(c, "x", 1) != 1 || read(c, &(char){0}, 1) != 0;
}

static int ask(int way, int fd, bool wait)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timeval limit = {.tv_usec = 100000}, *until = wait ? NULL : &limit;
	struct timespec time = {.tv_nsec = 100000000}, *end = wait ? NULL : &time;
	fd_set r;

	FD_ZERO(&r);
	FD_SET(fd, &r);
	switch (way) {
	case 0: return poll(&p, 1, wait ? -1 : 100);
	case 1: return ppoll(&p, 1, end, NULL);
	case 2: return select(fd + 1, &r, NULL, NULL, until);
	default: return pselect(fd + 1, &r, NULL, NULL, end, NULL);
	}
}

int main(void)
{
	static const char *const names[] = {"poll", "ppoll", "select", "pselect"};
	int word[2];

	watchdog_start();
	for (int way = 0; way < 4; way++) {
		step(names[way]);
		MUST(pipe(word));
		int l = listen_on(AF_INET, 8);
		pid_t child = fork_watched();
		if (child == 0)
			_exit(client(l, word[0]));
		int s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
		T(ask(way, s, false));
		T(read(s, &(char){0}, 1));
		MUST(write(word[1], "w", 1));
		T(ask(way, s, true));
		T(read(s, &(char){0}, 1));
		close(s);
		say_wait("client", child);
		close(l);
		close(word[0]);
		close(word[1]);
	}
	return 0;
}
