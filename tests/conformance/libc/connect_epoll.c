/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a non-blocking connect as epoll and select tell it: writable, or refused. */
#include "../trace.h"

static char buffer[16];

static void say_error(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %s", error ? strerrorname_np(error) : "0");
}

static int connecting(const union address *a)
{
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	T(connect(c, &a->any, address_size(a)));
	return c;
}

static void works(int c, int l)
{
	int s = (int)MUST(accept(l, NULL, NULL));
	T(write(c, "there", 5));
	T(read_beside(s, c, buffer, 5));
	T(write(s, "back", 4));
	T(read_beside(c, s, buffer, 4));
	close(s);
}

static void ask(int ep, int timeout)
{
	struct epoll_event e = {0};
	int n = epoll_wait(ep, &e, 1, timeout);
	say("%d %s", n, n == 1 ? events_name(e.events) : "");
}

static void by_epoll(const char *name, const union address *a, int l, uint32_t more)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | more};
	step(name);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC)), c = connecting(a);
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &event));
	ask(ep, -1);
	ask(ep, 0);
	say_error(c);
	ask(ep, 0);
	if (more & EPOLLONESHOT)
		T(epoll_ctl(ep, EPOLL_CTL_MOD, c, &event));
	ask(ep, 0);
	if (l >= 0)
		works(c, l);
	else
		T(send(c, "x", 1, MSG_NOSIGNAL));
	close(c);
	close(ep);
}

static void by_select(const char *name, const union address *a, int l)
{
	fd_set r, w, e;
	step(name);
	int c = connecting(a);
	FD_ZERO(&r);
	FD_SET(c, &r);
	w = e = r;
	T(select(c + 1, NULL, &w, NULL, NULL));
	w = r;
	T(select(c + 1, &r, &w, &e, NULL));
	say("readable %d, writable %d, exception %d", FD_ISSET(c, &r), FD_ISSET(c, &w),
	    FD_ISSET(c, &e));
	say_error(c);
	if (l >= 0)
		works(c, l);
	close(c);
}

int main(void)
{
	watchdog_start();
	int l = listen_on(AF_INET, 8), bound = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	union address good = address_of(l), deaf = loopback(AF_INET);
	/* Nobody listens there, and nobody else can begin to. */
	MUST(bind(bound, &deaf.any, address_size(&deaf)));
	deaf = address_of(bound);

	by_epoll("levels", &good, l, 0);
	by_epoll("edges", &good, l, EPOLLET);
	by_epoll("once", &good, l, EPOLLONESHOT);
	by_select("select", &good, l);
	by_epoll("refused, levels", &deaf, -1, 0);
	by_epoll("refused, edges", &deaf, -1, EPOLLET);
	by_epoll("refused, once", &deaf, -1, EPOLLONESHOT);
	by_select("refused, select", &deaf, -1);
	return 0;
}
