/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP_CORK from before the connection, on either side: it holds the program's bytes, nothing else.
 * An accepted socket has it from its listener. */
#include "../trace.h"

enum { TURNS = 20, TRIES = 5 };

static int unsent(int fd)
{
	int bytes = 0;
	MUST(ioctl(fd, SIOCOUTQNSD, &bytes));
	return bytes;
}

static void set(int fd, int name, int value)
{
	MUST(setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value)));
}

static void say_options(const char *who, int fd)
{
	int cork, nodelay;
	socklen_t length = sizeof(int);
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, &length));
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &length));
	say("%s: TCP_CORK %d, TCP_NODELAY %d", who, cork, nodelay);
}

/* Looks on while both ends are waited for, and nothing has been written. */
static bool anything_held(int a, int b)
{
	bool held = false;
	for (int i = 0; i < TURNS; i++) {
		struct pollfd p[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
		MUST(poll(p, 2, 0));
		held |= unsent(a) || unsent(b);
	}
	return held;
}

/* The kernel gives such a byte up after 200 ms, so it may have left before we look. */
static bool own_byte_held(int from, int to)
{
	bool held = false;
	char byte;
	for (int i = 0; i < TRIES && !held; i++) {
		MUST(write(from, "x", 1));
		held = unsent(from) > 0;
		set(from, TCP_CORK, 0);
		read_exact(to, &byte, 1);
		set(from, TCP_CORK, 1);
	}
	return held;
}

static void corked(int nodelay)
{
	int l = listen_on(AF_INET, 1), c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	union address a = address_of(l);
	set(l, TCP_CORK, 1);
	set(l, TCP_NODELAY, nodelay);
	set(c, TCP_CORK, 1);
	set(c, TCP_NODELAY, nodelay);
	MUST(connect(c, &a.any, address_size(&a)));
	int s = (int)MUST(accept(l, NULL, NULL));
	say("held: %d", anything_held(c, s));
	say_options("connected", c);
	say_options("accepted", s);
	say("its own byte: %d, %d", own_byte_held(c, s), own_byte_held(s, c));
	say_options("connected", c);
	say_options("accepted", s);
	close(c);
	close(s);
	close(l);
}

int main(void)
{
	watchdog_start();
	step("TCP_CORK");
	corked(0);
	step("TCP_CORK and TCP_NODELAY");
	corked(1);
	return 0;
}
