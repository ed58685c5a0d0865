/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls after the end: a reset is told once, before EPIPE; nothing written, nothing asked for. */
#include "../trace.h"

static struct pair begin(const char *name)
{
	step(name);
	return pair_open(AF_INET);
}

/* The peer closes with a byte unread, which is a reset for us. */
static struct pair begin_reset(const char *name)
{
	struct pair p = begin(name);
	MUST(write(p.c, "x", 1));
	wait_readable(p.s);
	close(p.s);
	wait_for(p.c, POLLRDHUP);
	return p;
}

int main(void)
{
	char buffer[100];
	struct iovec nothing[2] = {{buffer, 0}, {buffer, 0}};
	struct timeval limit = {.tv_usec = 1000};
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};

	watchdog_start();
	signal(SIGPIPE, SIG_IGN);

	struct pair p = begin("nothing is written");
	T(write(p.c, buffer, 0));
	T(send(p.c, buffer, 0, 0));
	T(writev(p.c, nothing, 2));
	T(shutdown(p.c, SHUT_WR));
	T(write(p.c, buffer, 0));
	T(send(p.c, buffer, 0, MSG_NOSIGNAL));
	T(writev(p.c, nothing, 2));
	T(pwritev2(p.c, nothing, 2, -1, 0));
	pair_close(&p);

	p = begin_reset("nothing is written after a reset");
	T(writev(p.c, nothing, 2));
	T(write(p.c, buffer, 0));
	T(write(p.c, buffer, 0));
	T(read(p.c, buffer, 1));
	close(p.c);

	p = begin_reset("who asks leaves the reset to who reads");
	say_poll("c", p.c, POLLIN | POLLOUT, 0);
	int there = -1;
	T(ioctl(p.c, FIONREAD, &there));
	say_poll("c", p.c, POLLIN | POLLOUT, 0);
	T(read(p.c, buffer, 1));
	T(read(p.c, buffer, 1));
	close(p.c);

	p = begin("written to after it was shut both ways");
	T(shutdown(p.c, SHUT_RDWR));
	T(write(p.s, "x", 1));
	wait_for(p.c, POLLERR);
	T(write(p.c, "x", 1));
	T(write(p.c, "x", 1));
	pair_close(&p);

	p = begin("shut both ways after the peer has shut");
	T(shutdown(p.s, SHUT_WR));
	wait_for(p.c, POLLRDHUP);
	T(shutdown(p.c, SHUT_RDWR));
	pair_close(&p);

	p = begin("shut for reading and closed with bytes unread");
	T(write(p.c, buffer, 100));
	wait_readable(p.s);
	T(shutdown(p.s, SHUT_RD));
	close(p.s);
	wait_for(p.c, POLLHUP);
	T(write(p.c, "x", 1));
	T(write(p.c, "x", 1));
	close(p.c);

	p = begin("nothing asked for, for a while");
	MUST(setsockopt(p.c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	T(recv(p.c, buffer, 1, 0));
	T(recv(p.c, buffer, 0, 0));
	pair_close(&p);

	p = begin("the end comes by one edge");
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	MUST(shutdown(p.c, SHUT_WR));
	struct tcp_info info;
	do {
		socklen_t length = sizeof(info);
		MUST(getsockopt(p.s, IPPROTO_TCP, TCP_INFO, &info, &length));
	} while (info.tcpi_state != TCP_CLOSE_WAIT);
	say("%d", epoll_wait(ep, &event, 1, 0));
	T(read(p.s, buffer, 1));
	say("%d", epoll_wait(ep, &event, 1, 0));
	pair_close(&p);
	return 0;
}
