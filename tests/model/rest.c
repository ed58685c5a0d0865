/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waits until what has left one end has arrived at the other. */
#include "world.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

enum { ESTABLISHED = 1, FIN_WAIT1 = 4, FIN_WAIT2 = 5, CLOSED = 7 };

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof info;
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	return info;
}

static void set(int fd, int option, int value)
{
	MUST(setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value));
}

/* As long as a busy machine may need; true: go on waiting. */
static bool wait_a_little(int turn)
{
	if (turn < 50)
		sched_yield();
	else
		(void)poll(NULL, 0, 1);
	return turn < 3000;
}

/*
 * Nothing is held back by Nagle's rule or TCP_CORK (tcp(7): setting TCP_NODELAY is an explicit
 * flush).  Under faults some of a record may wait in the shim for the next call on the descriptor.
 */
static void push(struct end *sender, int from)
{
	if (sender->held)
		set(from, TCP_CORK, 0);
	if (sender->delay) {
		set(from, TCP_NODELAY, 1);
		set(from, TCP_NODELAY, 0);
	}
	sender->held = false;
	for (int turn = 0;; turn++) {
		struct pollfd p = {.fd = from, .events = POLLOUT};
		if (world->faulty)
			(void)poll(&p, 1, 0);
		struct tcp_info info = info_of(from);
		sender->sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
		if (!info.tcpi_notsent_bytes || info.tcpi_state == CLOSED)
			return;
		if (!wait_a_little(turn)) {
			wrong("%u bytes are not sent, state %u, %u unacknowledged",
			      info.tcpi_notsent_bytes, info.tcpi_state, info.tcpi_unacked);
			return;
		}
	}
}

/* All bytes, and the end of the stream where that was sent; or a reset. */
static void await_arrival(unsigned end, int to)
{
	const struct end *e = &world->end[end], *sender = &world->end[!end];
	bool ends = sender->gone || sender->shut_write;
	for (int turn = 0;; turn++) {
		struct tcp_info info = info_of(to);
		uint8_t state = info.tcpi_state;
		bool open = state == ESTABLISHED || state == FIN_WAIT1 || state == FIN_WAIT2;
		bool all = info.tcpi_bytes_received >= sender->sent && !(ends && open);
		if (state == CLOSED || (all && (!e->reset || world->faulty)))
			return;
		if (!wait_a_little(turn)) {
			wrong("%llu of %llu bytes arrive, state %u",
			      (unsigned long long)info.tcpi_bytes_received,
			      (unsigned long long)sender->sent, state);
			return;
		}
	}
}

void rest(unsigned end)
{
	struct end *sender = &world->end[!end];
	int from = fd_of(!end, 0), to = fd_of(end, 0);
	if (from >= 0)
		push(sender, from);
	if (to < 0)
		return;
	await_arrival(end, to);
	/* To be asked whether one is readable touches a session, too. */
	struct pollfd p = {.fd = to, .events = POLLIN};
	if (world->end[end].pending % 2)
		(void)poll(&p, 1, 0);
}
