/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thread, blocking sockets: connect, accept, and the accepting end speaks first. */
#include "../trace.h"

int main(void)
{
	char buffer[32];

	watchdog_start();
	struct pair p = pair_fresh(AF_INET);
	T(write(p.s, "banner", 6));
	T(read(p.c, buffer, sizeof(buffer)));
	say_sum("c got", buffer, 6);
	T(write(p.c, "hello", 5));
	T(read(p.s, buffer, sizeof(buffer)));
	say_sum("s got", buffer, 5);
	T(close(p.s));
	T(read(p.c, buffer, sizeof(buffer)));
	T(close(p.c));
	return 0;
}
