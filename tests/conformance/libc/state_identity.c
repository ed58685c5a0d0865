/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a program may ask of a socket: names, type, options, fstat, /proc, TCP_INFO. */
#include "../trace.h"

#include <sys/stat.h>

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);
	MUST(getsockopt(fd, level, name, &value, &length));
	return value;
}

static void describe(const char *who, int fd)
{
	struct stat st;
	char path[64], link[64] = "";
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	step(who);
	say("type %d, domain %d, protocol %d", option(fd, SOL_SOCKET, SO_TYPE),
	    option(fd, SOL_SOCKET, SO_DOMAIN), option(fd, SOL_SOCKET, SO_PROTOCOL));
	say("listens %d, error %d", option(fd, SOL_SOCKET, SO_ACCEPTCONN),
	    option(fd, SOL_SOCKET, SO_ERROR));
	say("SO_RCVLOWAT %d, SO_SNDLOWAT %d, OOBINLINE %d", option(fd, SOL_SOCKET, SO_RCVLOWAT),
	    option(fd, SOL_SOCKET, SO_SNDLOWAT), option(fd, SOL_SOCKET, SO_OOBINLINE));
	say("TCP_NODELAY %d, TCP_CORK %d, TCP_NOTSENT_LOWAT %d, TCP_QUICKACK %d",
	    option(fd, IPPROTO_TCP, TCP_NODELAY), option(fd, IPPROTO_TCP, TCP_CORK),
	    option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), option(fd, IPPROTO_TCP, TCP_QUICKACK) >= 0);
	T(fstat(fd, &st));
	say("socket %d", S_ISSOCK(st.st_mode));
	T(lseek(fd, 0, SEEK_CUR));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(readlink(path, link, sizeof(link) - 1));
	say("link %.7s", link);
	T(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	say("tcp state %d", info.tcpi_state);
}

int main(void)
{
	union address a, b;
	socklen_t size = sizeof(a);
	char buffer[100];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	describe("listener", p.l);
	describe("connecting end", p.c);
	describe("accepted end", p.s);

	step("names");
	T(getsockname(p.c, &a.any, &size));
	T(getpeername(p.s, &b.any, &size));
	say("%u bytes, %s", size, memcmp(&a.in, &b.in, sizeof(a.in)) ? "DIFFERENT" : "equal");
	T(getpeername(p.c, &a.any, &size));
	T(getsockname(p.s, &b.any, &size));
	say("%s", memcmp(&a.in, &b.in, sizeof(a.in)) ? "DIFFERENT" : "equal");
	b = address_of(p.l);
	say("%s", memcmp(&a.in, &b.in, sizeof(a.in)) ? "DIFFERENT" : "equal");
	T(getpeername(p.l, &a.any, &size));

	step("nothing changes with data, read in parts");
	MUST(write(p.c, "0123456789", 10));
	wait_readable(p.s);
	describe("with data", p.s);
	T(read(p.s, buffer, 5));
	describe("partly read", p.s);
	T(read(p.s, buffer, 50));
	describe("drained", p.s);

	step("option values are kept");
	T(setsockopt(p.s, SOL_SOCKET, SO_RCVLOWAT, &(int){5}, sizeof(int)));
	say("%d", option(p.s, SOL_SOCKET, SO_RCVLOWAT));
	T(setsockopt(p.s, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int)));
	say("%d", option(p.s, SOL_SOCKET, SO_KEEPALIVE));
	T(getsockopt(p.s, SOL_SOCKET, 9999, &size, &size));
	size = 1;
	int value = -1;
	T(getsockopt(p.s, SOL_SOCKET, SO_ERROR, &value, &size));
	T(getsockopt(p.s, SOL_SOCKET, SO_ERROR, NULL, NULL));
	T(getsockopt(-1, SOL_SOCKET, SO_ERROR, &value, &size));
	return 0;
}
