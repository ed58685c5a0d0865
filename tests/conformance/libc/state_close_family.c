/* SPDX-License-Identifier: GPL-3.0-or-later */
/* close, close_range, closefrom, syscall(SYS_close): each ends the connection, twice is EBADF. */
#include "../trace.h"

#include <sys/syscall.h>

static char buffer[16];

/* The connection's other end, out of the way of what closes everything above a number. */
static struct pair open_low(void)
{
	struct pair p = pair_open(AF_INET);
	close(p.l);
	int high = (int)MUST(fcntl(p.s, F_DUPFD_CLOEXEC, 200));
	close(p.s);
	p.s = high;
	return p;
}

int main(void)
{
	watchdog_start();

	step("close");
	struct pair p = open_low();
	T(close(p.c));
	T(close(p.c));
	T(read(p.c, buffer, 1));
	T(read(p.s, buffer, 1));
	close(p.s);

	step("syscall(SYS_close)");
	p = open_low();
	T(syscall(SYS_close, p.c));
	T(syscall(SYS_close, p.c));
	T(read(p.s, buffer, 1));
	T(write(p.c, buffer, 1));
	close(p.s);

	step("close_range");
	p = open_low();
	T(close_range((unsigned)p.s, ~0U, CLOSE_RANGE_CLOEXEC));
	T(write(p.c, "x", 1));
	T(read(p.s, buffer, 1));
	T(close_range((unsigned)p.s, (unsigned)p.s + 10, 0));
	T(read(p.c, buffer, 1));
	T(close_range(5, 4, 0));
	T(close_range(5, 4, 99));
	close(p.c);

	step("syscall(SYS_close_range)");
	p = open_low();
	T(syscall(SYS_close_range, p.s, ~0U, 0));
	T(read(p.c, buffer, 1));
	close(p.c);

	step("closefrom");
	p = open_low();
	closefrom(p.s);
	T(read(p.s, buffer, 1));
	T(read(p.c, buffer, 1));
	close(p.c);

	step("everything above 2, and then a new connection");
	p = open_low();
	closefrom(3);
	T(read(p.s, buffer, 1));
	p = pair_open(AF_INET);
	T(write(p.c, "new", 3));
	T(read_exact(p.s, buffer, 3));

	step("everything above 2 by hand, as daemons do");
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	p = pair_open(AF_INET);
	T(write(p.c, "new", 3));
	T(read_exact(p.s, buffer, 3));
	return 0;
}
