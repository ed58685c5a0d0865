/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accept, fork, the child serves, and the parent closes after it: one client after the other. */
#include "../trace.h"

#define MANY 12

static int ask(int l)
{
	char buffer[8];
	int wrong = 0;
	for (int i = 0; i < MANY; i++) {
		int c = connect_to(l);
		wrong += write(c, "ping", 4) != 4 || read_exact(c, buffer, 4) != 4 ||
		         memcmp(buffer, "ping", 4) || read(c, buffer, 1) != 0;
		close(c);
	}
	return wrong;
}

int main(void)
{
	char buffer[8];

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	pid_t client = fork_watched();
	if (client == 0)
		_exit(ask(l));
	for (int i = 0; i < MANY; i++) {
		int s = (int)MUST(accept(l, NULL, NULL));
		pid_t child = fork_watched();
		if (child == 0) {
			ssize_t n = read(s, buffer, 4);
			_exit(n != 4 || write(s, buffer, 4) != 4);
		}
		say_wait("child", child);
		T(close(s));
	}
	say_wait("client", client);
	return 0;
}
