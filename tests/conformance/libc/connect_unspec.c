/* SPDX-License-Identifier: GPL-3.0-or-later */
/* connect(AF_UNSPEC) dissolves a connection; the socket then connects to somebody else. */
#include "../trace.h"

int main(void)
{
	char buffer[32];
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	T(write(p.c, "one", 3));
	T(read_exact(p.s, buffer, 3));
	T(connect(p.c, &nobody, sizeof(nobody)));
	T(read(p.s, buffer, 1));
	T(getpeername(p.c, &(union address){0}.any, &(socklen_t){sizeof(union address)}));
	T(send(p.c, "x", 1, MSG_NOSIGNAL));

	step("again");
	union address a = address_of(p.l);
	T(connect(p.c, &a.any, address_size(&a)));
	int s = (int)MUST(accept(p.l, NULL, NULL));
	settle(p.c, s);
	T(write(p.c, "two", 3));
	T(read_exact(s, buffer, 3));
	say_sum("s got", buffer, 3);
	return 0;
}
