/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A blocking connect and accept over IPv4 and IPv6, a question and an answer, a quiet end. */
#include "../trace.h"

static void talk(const char *name, int family)
{
	char buffer[64];

	step(name);
	int l = listen_on(family, 8);
	union address a = address_of(l);
	int c = (int)MUST(socket(family, SOCK_STREAM, 0));
	pid_t child = fork_watched();
	if (child == 0) {
		close(c);
		int s = (int)MUST(accept(l, NULL, NULL));
		ssize_t n = read_exact(s, buffer, 8);
		write_all(s, buffer, (size_t)n);
		close(s);
		_exit(0);
	}
	T(connect(c, &a.any, address_size(&a)));
	T(write(c, "question", 8));
	T(read_exact(c, buffer, 8));
	say_sum("answer", buffer, 8);
	T(read(c, buffer, sizeof(buffer)));
	T(close(c));
	T(close(c));
	close(l);
	say_wait("server", child);
}

int main(void)
{
	watchdog_start();
	talk("IPv4", AF_INET);
	talk("IPv6", AF_INET6);
	return 0;
}
