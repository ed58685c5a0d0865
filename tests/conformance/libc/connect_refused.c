/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nobody listens: ECONNREFUSED from a blocking connect, from SO_ERROR, and from the first read. */
#include "../trace.h"

/* An address that was free a moment ago; the socket stays bound, so that nobody takes it. */
static union address deaf(int family)
{
	union address a = loopback(family);
	socklen_t length = sizeof(a);
	int fd = (int)MUST(socket(family, SOCK_STREAM, 0));
	MUST(bind(fd, &a.any, address_size(&a)));
	MUST(getsockname(fd, &a.any, &length));
	return a;
}

int main(void)
{
	int error = -1;
	socklen_t length = sizeof(error);
	char byte;

	watchdog_start();
	step("blocking");
	union address a = deaf(AF_INET);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(connect(c, &a.any, address_size(&a)));
	T(connect(c, &a.any, address_size(&a)));
	T(read(c, &byte, 1));
	T(send(c, "x", 1, MSG_NOSIGNAL));
	T(close(c));

	step("IPv6");
	union address a6 = deaf(AF_INET6);
	c = (int)MUST(socket(AF_INET6, SOCK_STREAM, 0));
	T(connect(c, &a6.any, address_size(&a6)));
	T(close(c));

	step("non-blocking, SO_ERROR");
	c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(connect(c, &a.any, address_size(&a)));
	say("%s", events_name((uint32_t)wait_for(c, POLLOUT)));
	T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &length));
	say("%s", strerrorname_np(error));
	T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &length));
	say("%d", error);
	T(close(c));

	step("non-blocking, read");
	c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(connect(c, &a.any, address_size(&a)));
	say("%s", events_name((uint32_t)wait_for(c, POLLIN)));
	T(read(c, &byte, 1));
	T(read(c, &byte, 1));
	T(close(c));

	step("non-blocking, second connect");
	c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(connect(c, &a.any, address_size(&a)));
	wait_for(c, POLLOUT);
	T(connect(c, &a.any, address_size(&a)));
	T(close(c));

	step("the same socket again, to somebody");
	int l = listen_on(AF_INET, 8);
	c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(connect(c, &a.any, address_size(&a)));
	union address good = address_of(l);
	T(connect(c, &good.any, address_size(&good)));
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "again", 5));
	char buffer[8];
	T(read_exact(s, buffer, 5));
	return 0;
}
