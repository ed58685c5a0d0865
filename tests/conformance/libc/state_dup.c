/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dup, dup2, dup3, F_DUPFD, F_DUPFD_CLOEXEC: every name works; the last close ends it. */
#include "../trace.h"

static struct pair p;
static char buffer[100];

static void use(const char *name, int fd)
{
	step(name);
	say("cloexec %d", fcntl(fd, F_GETFD) & FD_CLOEXEC);
	T(write(fd, "from it", 7));
	T(read_exact(p.c, buffer, 7));
	T(write(p.c, "to it", 5));
	wait_readable(fd);
	T(read(fd, buffer, 2));
	T(read(p.s, buffer, sizeof(buffer)));
	T(close(fd));
	T(write(p.s, "still", 5));
	T(read_exact(p.c, buffer, 5));
}

int main(void)
{
	watchdog_start();
	p = pair_open(AF_INET);
	use("dup", (int)MUST(dup(p.s)));
	use("dup2", (int)MUST(dup2(p.s, 100)));
	use("dup3", (int)MUST(dup3(p.s, 101, O_CLOEXEC)));
	use("F_DUPFD", (int)MUST(fcntl(p.s, F_DUPFD, 102)));
	use("F_DUPFD_CLOEXEC", (int)MUST(fcntl(p.s, F_DUPFD_CLOEXEC, 103)));

	step("onto itself");
	T(dup2(p.s, p.s) == p.s);
	T(dup3(p.s, p.s, 0));
	T(write(p.s, "still", 5));
	T(read_exact(p.c, buffer, 5));

	step("mistakes");
	T(dup(-1));
	T(dup2(-1, 100));
	T(dup2(p.s, -1));
	T(dup3(p.s, 100, 0x1234));
	T(fcntl(p.s, F_DUPFD, -1));

	step("the first name goes, the second stays");
	int second = (int)MUST(dup(p.s));
	T(close(p.s));
	T(write(second, "second", 6));
	T(read_exact(p.c, buffer, 6));
	T(write(p.c, "answer", 6));
	T(read_exact(second, buffer, 6));

	step("dup2 over the last name closes the connection");
	struct pair q = pair_open(AF_INET);
	T(dup2(q.c, second) == second);
	T(read(p.c, buffer, sizeof(buffer)));
	T(write(second, "through q", 9));
	T(read_exact(q.s, buffer, 9));

	step("dup2 of a file over a socket and of a socket over a file");
	int zero = (int)MUST(open("/dev/zero", O_RDONLY));
	T(dup2(zero, second) == second);
	T(read(second, buffer, 10));
	T(dup2(q.c, zero) == zero);
	T(write(zero, "socket", 6));
	T(read_exact(q.s, buffer, 6));
	T(close(q.c));
	T(close(zero));
	T(read(q.s, buffer, 1));
	return 0;
}
