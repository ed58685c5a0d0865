/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options that not every kernel has: a program that asks for one gets its bytes either way. */
#include "../trace.h"

#include <linux/errqueue.h>
#include <sys/mman.h>

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

/* Where an option is set: on the one that connects, on the one that listens, on what is there. */
enum place { CONNECTING, LISTENING, CONNECTED, PLACES };
static const char *const places[] = {"before connect", "on the listener", "on the connection"};

static char text[64], page[65536];

static bool on(int fd, int level, int name, int value)
{
	int error = errno;
	bool done = setsockopt(fd, level, name, &value, sizeof(value)) == 0;
	errno = error;
	return done;
}

/* The accepted end is the one in question, except where the other had it before connect. */
static struct pair pair_with(enum place place, int name, int value, int *fd, int *peer, bool *set)
{
	struct pair p = {.l = listen_on(AF_INET, 1)};
	union address a = address_of(p.l);
	p.c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (place == LISTENING)
		*set = on(p.l, SOL_SOCKET, name, value);
	else if (place == CONNECTING)
		*set = on(p.c, SOL_SOCKET, name, value);
	MUST(connect(p.c, &a.any, address_size(&a)));
	p.s = (int)MUST(accept4(p.l, NULL, NULL, SOCK_CLOEXEC));
	settle(p.c, p.s);
	*fd = place == CONNECTING ? p.c : p.s;
	*peer = place == CONNECTING ? p.s : p.c;
	if (place == CONNECTED)
		*set = on(*fd, SOL_SOCKET, name, value);
	return p;
}

/* Both ways, and so to the end. */
static void goes_on(const struct pair *p)
{
	T(write(p->c, "more", 4));
	T(read_exact(p->s, text, 4));
	T(write(p->s, "again", 5));
	T(read_exact(p->c, text, 5));
	T(shutdown(p->c, SHUT_WR));
	T(read(p->s, text, 1));
	pair_close(p);
}

/* Documentation/networking/msg_zerocopy.rst: the buffer is ours again when the queue says so. */
static bool given_back(int fd)
{
	char control[256];
	struct msghdr m = {.msg_control = control, .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 2000) == 1 && recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) == 0;
}

static void zero_copy(enum place place)
{
	int fd, peer;
	bool set;
	say("# MSG_ZEROCOPY, asked for %s", places[place]);
	struct pair p = pair_with(place, SO_ZEROCOPY, 1, &fd, &peer, &set);
	T(send(fd, "hello world", 11, set ? MSG_ZEROCOPY : 0));
	T(read_exact(peer, text, 11));
	say("%.11s, the buffer is %s", text, !set || given_back(fd) ? "free" : "NOT FREE");
	goes_on(&p);
}

/* socket(7), SO_PEEK_OFF: where there is none, one looks at all of it again. */
static void peek(enum place place)
{
	int fd, peer;
	bool set;
	say("# a place to peek at, asked for %s", places[place]);
	struct pair p = pair_with(place, SO_PEEK_OFF, 0, &fd, &peer, &set);
	T(write(peer, "hello world", 11));
	memset(text, 0, sizeof(text));
	MUST(recv(fd, text, set ? 5 : 11, MSG_PEEK | MSG_WAITALL));
	if (set)
		MUST(recv(fd, text + 5, 6, MSG_PEEK | MSG_WAITALL));
	say("%s", text);
	T(read_exact(fd, text, 11));
	say("%s", text);
	goes_on(&p);
}

struct receive {
	uint64_t address;
	uint32_t length, skip, queued;
	int32_t error;
	uint64_t copy_address;
	int32_t copy_length;
	uint32_t flags;
	uint64_t control, control_length;
	uint32_t message_flags, reserved;
};

/* tcp(7) does not know it: what is no whole page is copied to where we say. */
static ssize_t receive_mapped(int fd, void *map, size_t size)
{
	struct receive r = {.address = (uintptr_t)map, .length = (uint32_t)size,
	                    .copy_address = (uintptr_t)page, .copy_length = sizeof(page)};
	socklen_t length = sizeof(r);
	int error = errno;
	if (map == MAP_FAILED ||
	    getsockopt(fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &r, &length) < 0 ||
	    r.copy_length <= 0) {
		errno = error;
		return read(fd, page, 11);
	}
	return r.copy_length;
}

static void receive_zero_copy(void)
{
	step("TCP_ZEROCOPY_RECEIVE");
	struct pair p = pair_open(AF_INET);
	void *map = mmap(NULL, sizeof(page), PROT_READ, MAP_SHARED, p.s, 0);
	T(write(p.c, "hello world", 11));
	wait_readable(p.s);
	T(receive_mapped(p.s, map, sizeof(page)));
	say("%.11s", page);
	goes_on(&p);
}

/* The kernel's own TLS, as a library asks for it before it has keys. */
static void upper_layer(bool connected)
{
	step(connected ? "TCP_ULP" : "TCP_ULP, before connect");
	struct pair p = {.l = listen_on(AF_INET, 1)};
	union address a = address_of(p.l);
	p.c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (!connected)
		say("succeeds: %d",
		    setsockopt(p.c, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) == 0);
	MUST(connect(p.c, &a.any, address_size(&a)));
	p.s = (int)MUST(accept4(p.l, NULL, NULL, SOCK_CLOEXEC));
	settle(p.c, p.s);
	if (connected)
		setsockopt(p.c, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls"));
	goes_on(&p);
}

int main(void)
{
	watchdog_start();
	for (enum place place = 0; place < PLACES; place++)
		zero_copy(place);
	for (enum place place = 0; place < PLACES; place++)
		peek(place);
	receive_zero_copy();
	upper_layer(false);
	upper_layer(true);
	return 0;
}
