/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers closed behind everybody's back, by libc's own close: what has them next is itself. */
#include "../trace.h"

#include <dlfcn.h>

static int (*close_inside)(int);
static char buffer[32];

/* A connection that was used, and whose number is free again. */
static int closed_unseen(void)
{
	struct pair p = pair_open(AF_INET);
	MUST(write(p.c, "used", 4));
	MUST(read_exact(p.s, buffer, 4));
	MUST(close_inside(p.c));
	close(p.s);
	return p.c;
}

int main(void)
{
	watchdog_start();
	close_inside = (int (*)(int))dlsym(dlopen("libc.so.6", RTLD_NOW), "close");

	step("a file");
	int fd = closed_unseen();
	T(open("/dev/null", O_RDWR) == fd);
	T(write(fd, "hello", 5));
	T(write(fd, "hello", 5));
	T(read(fd, buffer, 10));
	T(close(fd));
	fd = closed_unseen();
	T(open("/dev/zero", O_RDWR) == fd);
	T(read(fd, buffer, 10));
	T(read(fd, buffer, 10));

	step("a connection that is accepted");
	int l = listen_on(AF_INET, 8);
	int c = connect_to(l);
	fd = closed_unseen();
	int s = (int)MUST(accept(l, NULL, NULL));
	say("%s", s == fd ? "the same number" : "ANOTHER NUMBER");
	settle(c, s);
	T(write(c, "ping", 4));
	T(read_exact(s, buffer, 4));
	T(write(s, "pong", 4));
	T(read_exact(c, buffer, 4));
	T(close(s));
	T(read(c, buffer, 1));
	T(close(c));

	step("a connection that is made");
	fd = closed_unseen();
	c = connect_to(l);
	say("%s", c == fd ? "the same number" : "ANOTHER NUMBER");
	s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "ping", 4));
	T(read_exact(s, buffer, 4));
	T(close(c));
	T(read(s, buffer, 1));

	step("a copy of another");
	struct pair p = pair_open(AF_INET);
	fd = closed_unseen();
	int copy = (int)MUST(dup(p.c));
	say("%s", copy == fd ? "the same number" : "ANOTHER NUMBER");
	T(write(copy, "ping", 4));
	T(read_exact(p.s, buffer, 4));
	return 0;
}
