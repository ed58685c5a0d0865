/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shutdown(SHUT_WR) on either side: the end is seen, the other direction goes on, then closes. */
#include "../trace.h"

static void half_close(const char *name, int first, int second)
{
	char buffer[100];
	static char big[300000], in[300000];

	step(name);
	T(write(first, "question", 8));
	T(shutdown(first, SHUT_WR));
	T(send(first, "x", 1, MSG_NOSIGNAL));
	T(shutdown(first, SHUT_WR));
	wait_for(second, POLLRDHUP);
	T(read(second, buffer, sizeof(buffer)));
	T(read(second, buffer, sizeof(buffer)));
	T(read(second, buffer, sizeof(buffer)));
	T(recv(second, buffer, sizeof(buffer), MSG_PEEK));

	fill(big, sizeof(big), 0);
	pid_t child = fork_watched();
	if (child == 0)
		_exit(write_all(second, big, sizeof(big)) == sizeof(big) ? 0 : 1);
	T(read_exact(first, in, sizeof(in)));
	say("%s", memcmp(in, big, sizeof(in)) ? "DIFFERENT" : "equal");
	say_wait("writer", child);
	say_poll("first", first, POLLIN, 0);
	T(write(second, "last words", 10));
	T(close(second));
	T(read_exact(first, buffer, 10));
	T(read(first, buffer, sizeof(buffer)));
	T(read(first, buffer, sizeof(buffer)));
	T(close(first));
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	half_close("the connecting end first", p.c, p.s);
	p = pair_open(AF_INET);
	half_close("the accepting end first", p.s, p.c);
	return 0;
}
