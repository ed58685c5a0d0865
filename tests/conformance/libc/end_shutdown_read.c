/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shutdown(SHUT_RD) and SHUT_RDWR: what a reader, a writer and the peer see; mistakes. */
#include "../trace.h"

int main(void)
{
	char buffer[100];

	watchdog_start();
	step("SHUT_RD on a quiet connection");
	struct pair p = pair_open(AF_INET);
	T(shutdown(p.s, SHUT_RD));
	T(read(p.s, buffer, sizeof(buffer)));
	say_poll("s", p.s, POLLIN | POLLOUT | POLLRDHUP, 0);
	T(write(p.s, "still writes", 12));
	T(read_exact(p.c, buffer, 12));
	pair_close(&p);

	step("SHUT_RD with data waiting");
	p = pair_open(AF_INET);
	MUST(write(p.c, "waiting", 7));
	wait_readable(p.s);
	T(shutdown(p.s, SHUT_RD));
	T(read(p.s, buffer, 3));
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
	pair_close(&p);

	step("SHUT_RDWR");
	p = pair_open(AF_INET);
	T(shutdown(p.c, SHUT_RDWR));
	T(read(p.c, buffer, sizeof(buffer)));
	T(send(p.c, "x", 1, MSG_NOSIGNAL));
	wait_for(p.s, POLLRDHUP);
	T(read(p.s, buffer, sizeof(buffer)));
	pair_close(&p);

	step("mistakes");
	p = pair_open(AF_INET);
	T(shutdown(p.c, 3));
	T(shutdown(p.c, -1));
	T(shutdown(-1, SHUT_WR));
	T(shutdown(STDIN_FILENO, SHUT_WR));
	T(shutdown(socket(AF_INET, SOCK_STREAM, 0), SHUT_WR));
	T(write(p.c, "still here", 10));
	T(read_exact(p.s, buffer, 10));
	return 0;
}
