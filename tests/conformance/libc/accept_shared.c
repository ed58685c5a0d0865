/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One listener, three processes that accept from it: every connection is served, and once. */
#include "../trace.h"

#define SERVERS 3
#define MANY    24

static void serve(int l)
{
	char text[8];
	for (;;) {
		int s = (int)MUST(accept(l, NULL, NULL));
		ssize_t n = read(s, text, sizeof(text));
		if (n == 4 && !memcmp(text, "stop", 4))
			_exit(0);
		write_all(s, text, (size_t)n);
		close(s);
	}
}

int main(void)
{
	pid_t server[SERVERS];
	int good = 0;

	watchdog_start();
	int l = listen_on(AF_INET, 128);
	for (int i = 0; i < SERVERS; i++)
		if ((server[i] = fork_watched()) == 0)
			serve(l);
	for (int i = 0; i < MANY; i++) {
		char text[8], got[8];
		int length = snprintf(text, sizeof(text), "q%d", i);
		int c = connect_to(l);
		MUST(write_all(c, text, (size_t)length));
		good += read_exact(c, got, (size_t)length) == length &&
		        !memcmp(text, got, (size_t)length) && read(c, got, 1) == 0;
		close(c);
	}
	say("%d of %d served", good, MANY);
	for (int i = 0; i < SERVERS; i++) {
		int c = connect_to(l);
		write_all(c, "stop", 4);
		read(c, &(char){0}, 1);
		close(c);
	}
	for (int i = 0; i < SERVERS; i++)
		say_wait("server", server[i]);
	return 0;
}
