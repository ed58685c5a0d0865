/* SPDX-License-Identifier: GPL-3.0-or-later */
/* connect that cannot work: unreachable, timed out, wrong families, an address that is taken. */
#include "../trace.h"

static void say_error(int fd)
{
	int error = -1;
	socklen_t size = sizeof(error);
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
	say("SO_ERROR %s", error ? strerrorname_np(error) : "0");
}

static void try(const char *name, union address a, socklen_t length, int flags)
{
	char byte;
	step(name);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | flags, 0));
	T(connect(c, &a.any, length));
	say_error(c);
	T(read(c, &byte, 1));
	T(close(c));
}

int main(void)
{
	watchdog_start();
	int l = listen_on(AF_INET, 8);
	union address a = address_of(l), b = a;

	/* A broadcast address has no route for TCP, on any machine. */
	b.in.sin_addr.s_addr = htonl(0x7fffffff);
	try("unreachable", b, sizeof(b.in), 0);
	try("unreachable, non-blocking", b, sizeof(b.in), SOCK_NONBLOCK);

	try("too short", a, 8, 0);
	b = a;
	b.any.sa_family = AF_UNIX;
	try("another family", b, sizeof(b.in), 0);
	b = loopback(AF_INET6);
	try("IPv6 on an IPv4 socket", b, sizeof(b.in6), 0);

	step("nothing at all");
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(connect(-1, &a.any, sizeof(a.in)));
	T(connect(STDIN_FILENO, &a.any, sizeof(a.in)));
	T(connect(l, &a.any, sizeof(a.in)));
	T(connect(c, NULL, sizeof(a.in)));
	T(connect(c, &a.any, 1 << 20));

	step("from an address that is in use by this very connection");
	union address own = loopback(AF_INET);
	socklen_t length = sizeof(own);
	int one = 1, d = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(setsockopt(c, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	MUST(setsockopt(d, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	MUST(bind(c, &own.any, sizeof(own.in)));
	MUST(getsockname(c, &own.any, &length));
	MUST(bind(d, &own.any, sizeof(own.in)));
	T(connect(c, &a.any, sizeof(a.in)));
	T(connect(d, &a.any, sizeof(a.in)));
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "works", 5));
	T(read_exact(s, &(char[8]){0}, 5));

	step("timed out, blocking and beside it non-blocking");
	int full = listen_on(AF_INET, 0), first = connect_to(full), e, f;
	a = address_of(full);
	e = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	f = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	MUST(setsockopt(e, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one)));
	MUST(setsockopt(f, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one)));
	T(connect(f, &a.any, sizeof(a.in)));
	T(connect(e, &a.any, sizeof(a.in)));
	T(read(e, &one, 1));
	say("%s", events_name((uint32_t)wait_for(f, POLLOUT)));
	say_error(f);
	say_error(f);
	T(read(f, &one, 1));
	close(first);
	return 0;
}
