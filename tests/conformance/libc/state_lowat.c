/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program's own SO_RCVLOWAT: it is kept, and what is there in plenty is readable. */
#include "../trace.h"

/*
 * The kernel counts bytes on the wire, so a program may be woken a little early; not asked here.
 */
/* Before a byte has passed; for the listener's, accept hands it on. */
static void from_the_start(const char *name, bool by_listener)
{
	static char text[65536];
	int value = 0, low = 32768;
	socklen_t length = sizeof(value);
	step(name);
	int l = listen_on(AF_INET, 1);
	if (by_listener)
		MUST(setsockopt(l, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	pid_t writer = fork_watched();
	if (writer == 0) {
		int c = connect_to(l);
		MUST(write_all(c, text, sizeof(text)));
		(void)!read(c, text, 1);
		_exit(0);
	}
	int s = (int)MUST(accept(l, NULL, NULL));
	if (!by_listener)
		T(setsockopt(s, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	T(getsockopt(s, SOL_SOCKET, SO_RCVLOWAT, &value, &length));
	say("%d", value);
	say_poll("s", s, POLLIN, -1);
	say("enough: %d", recv(s, text, sizeof(text), MSG_DONTWAIT) >= low);
	T(getsockopt(s, SOL_SOCKET, SO_RCVLOWAT, &value, &length));
	say("%d", value);
	close(s);
	close(l);
	say_wait("writer", writer);
}

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
	from_the_start("from the start", false);
	from_the_start("from before", true);
	return 0;
}
