/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Header, then body, and a part of it left, under every way to wait: nothing is lost or late. */
#include "../trace.h"

#define MESSAGES 60
#define MOST     20000

/*
 * Each message is written when the one before it was taken, its header and body now in one write
 * and now in two; so whoever waits for what has arrived already waits for ever.
 */
enum way {
	NOTHING,
	BY_POLL,
	BY_PPOLL,
	BY_SELECT,
	BY_PSELECT,
	LEVEL,
	EDGE,
	ONCE,
	EXCLUSIVE,
	PWAIT,
	PWAIT2,
	NESTED,
	NESTED_EDGE,
	POLLED,
	OTHER_NAME,
	TWO_SETS,
	INHERITED,
	WAYS
};

static const char *const names[WAYS] = {
	"no waiting", "poll",           "ppoll",          "select",       "pselect",
	"epoll",      "edges",          "ONESHOT",        "EXCLUSIVE",    "epoll_pwait",
	"pwait2",     "a set in a set", "edges of a set", "a set polled", "by another name",
	"two sets",   "a set inherited"};

struct reader {
	enum way way;
	int fd, ep, outer, other;
	bool asleep; /* edges only: nothing was left at the last read */
};

static size_t size_of(int i)
{
	return i % 10 == 9 ? MOST : (size_t)(i * 37 % 900 + 1);
}

static void add(int ep, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
}

static struct reader watch(enum way way, int fd)
{
	struct reader r = {.way = way, .fd = fd, .outer = -1, .other = -1, .asleep = true};
	r.ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	if (way == OTHER_NAME)
		r.other = (int)MUST(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (way == NESTED || way == NESTED_EDGE || way == TWO_SETS)
		r.outer = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	add(r.ep, way == OTHER_NAME ? r.other : fd,
	    EPOLLIN | (way == EDGE        ? EPOLLET
	               : way == ONCE      ? EPOLLONESHOT
	               : way == EXCLUSIVE ? EPOLLEXCLUSIVE
	                                  : 0));
	if (way == TWO_SETS)
		add(r.outer, fd, EPOLLIN | EPOLLET);
	else if (r.outer >= 0)
		add(r.outer, r.ep, EPOLLIN | (way == NESTED_EDGE ? EPOLLET : 0));
	return r;
}

static void unwatch(struct reader *r)
{
	close(r->ep);
	close(r->outer);
	close(r->other);
}

/* Any of several, forever. */
static void one_event(int ep)
{
	struct epoll_event e;
	MUST(epoll_wait(ep, &e, 1, -1));
}

static void wait_set(struct reader *r)
{
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = r->fd};
	sigset_t mask;
	sigemptyset(&mask);
	switch (r->way) {
	case ONCE:
		one_event(r->ep);
		MUST(epoll_ctl(r->ep, EPOLL_CTL_MOD, r->fd, &event));
		break;
	case PWAIT:
		MUST(epoll_pwait(r->ep, &e, 1, -1, &mask));
		break;
	case PWAIT2:
		MUST(epoll_pwait2(r->ep, &e, 1, &(struct timespec){.tv_sec = 60}, &mask));
		break;
	case NESTED:
		one_event(r->outer);
		one_event(r->ep);
		break;
	case NESTED_EDGE:
		/* The inner set was found silent, so there will be news of it. */
		if (epoll_wait(r->ep, &e, 1, 0) == 0)
			one_event(r->outer);
		break;
	case POLLED:
		wait_readable(r->ep);
		break;
	case TWO_SETS:
		if (r->asleep)
			one_event(r->outer);
		one_event(r->ep);
		break;
	case EDGE:
		if (r->asleep)
			one_event(r->ep);
		break;
	default:
		one_event(r->ep);
	}
}

static void await(struct reader *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	fd_set set;
	FD_ZERO(&set);
	FD_SET(r->fd, &set);
	switch (r->way) {
	case NOTHING:
		break;
	case BY_POLL:
		MUST(poll(&p, 1, -1));
		break;
	case BY_PPOLL:
		MUST(ppoll(&p, 1, NULL, NULL));
		break;
	case BY_SELECT:
		MUST(select(r->fd + 1, &set, NULL, NULL, NULL));
		break;
	case BY_PSELECT:
		MUST(pselect(r->fd + 1, &set, NULL, NULL, NULL, NULL));
		break;
	default:
		wait_set(r);
	}
}

/* A wait before every read; what is not asked for stays. */
static bool take(struct reader *r, void *to, size_t size)
{
	for (size_t got = 0; got < size;) {
		await(r);
		ssize_t n = read(r->fd, (char *)to + got, size - got);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		r->asleep = n < 0;
		got += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* The reader says each time that it has got one. */
static int read_all(struct reader *r)
{
	static unsigned char in[MOST], expected[MOST];
	for (int i = 0; i < MESSAGES; i++) {
		uint32_t size = 0;
		if (!take(r, &size, 4) || size != size_of(i))
			return 1;
		/* Two bytes, or all but the last, and then the rest. */
		size_t part = size < 2 ? 1 : i % 2 ? 2 : size - 1;
		if (!take(r, in, part) || !take(r, in + part, size - part))
			return 2;
		fill(expected, size, (size_t)i);
		if (memcmp(in, expected, size))
			return 3;
		if (r->way == EDGE || r->way == TWO_SETS) {
			if (recv(r->fd, in, 1, MSG_DONTWAIT) != -1)
				return 4;
			r->asleep = true;
		}
		MUST(write_all(r->fd, "k", 1));
	}
	return 0;
}

static int write_messages(int fd)
{
	static unsigned char out[MOST + 4];
	char word;
	for (int i = 0; i < MESSAGES; i++) {
		uint32_t size = (uint32_t)size_of(i);
		size_t from = i % 3 ? 0 : 4;
		memcpy(out, &size, 4);
		fill(out + 4, size, (size_t)i);
		if (from)
			MUST(write_all(fd, out, from));
		MUST(write_all(fd, out + from, size + 4 - from));
		if (read_exact(fd, &word, 1) != 1)
			return 1;
	}
	return 0;
}

static void by(enum way way, bool blocking)
{
	struct pair p = pair_open(AF_INET);
	MUST(setsockopt(p.c, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	set_nonblocking(p.s, !blocking);
	struct reader r = watch(way, p.s);
	bool inherited = way == INHERITED;
	pid_t child = fork_watched();
	if (child == 0)
		_exit(inherited ? read_all(&r) : write_messages(p.c));
	int result = inherited ? write_messages(p.c) : read_all(&r);
	say("%s, %s: %d", names[way], blocking ? "blocking" : "non-blocking", result);
	say_wait("other end", child);
	unwatch(&r);
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	for (int way = 0; way < WAYS; way++) {
		trace_step = names[way];
		by((enum way)way, true);
		if (way != NOTHING)
			by((enum way)way, false);
	}
	return 0;
}
