/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations that fill the wire: single counts are the kernel's mood, the sums are not. */
#include "world.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Milliseconds one wait may take, and how many may be in vain: faults may ask for more turns. */
static int patience(void)
{
	return world->faulty ? 10 : 5000;
}

enum { IN_VAIN = 500 };

static uint8_t buffer[200000];

/* One direction. */
struct flow {
	unsigned from;
	int out, in;
	size_t to_write, to_read; /* left */
	size_t piece, room;       /* what one call offers */
	int in_vain;
	bool broken;
};

static bool is_passing(int error)
{
	return error == EAGAIN ||
	       (world->faulty && (error == EINTR || error == ENOMEM || error == ENOBUFS));
}

/*
 * A send that fell short without the kernel being full leaves the end of a record with the shim,
 * until the next call on that descriptor.  Only faults do that.
 */
static void touch(const struct flow *f)
{
	struct pollfd p = {.fd = f->out, .events = POLLOUT};
	if (world->faulty)
		(void)poll(&p, 1, 0);
}

static void waited_in_vain(struct flow *f)
{
	f->broken |= !world->faulty || ++f->in_vain > IN_VAIN;
}

/* As an edge-triggered server does it: until EAGAIN, or a short count, which means the same. */
static void put(struct flow *f)
{
	while (f->to_write && !f->broken) {
		struct end *e = &world->end[f->from];
		size_t part = f->to_write < f->piece ? f->to_write : f->piece;
		struct iovec v[MOST_PIECES];
		struct msghdr m = {.msg_iov = v};
		m.msg_iovlen = (size_t)pieces(v, (void *)pattern_at(f->from, e->wrote), part,
		                              (unsigned)f->piece);
		ssize_t n = sendmsg(f->out, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			e->wrote += (size_t)n;
			world->end[!f->from].pending += (size_t)n;
			f->to_write -= (size_t)n;
		} else if (n == 0 || !is_passing(errno)) {
			wrong("writing: %zd %s", n, strerrorname_np(errno));
			f->broken = true;
		}
		if (n < (ssize_t)part)
			break;
	}
}

static void get(struct flow *f)
{
	while (f->to_read && !f->broken) {
		struct end *e = &world->end[!f->from];
		size_t part = f->to_read < f->room ? f->to_read : f->room;
		ssize_t n = recv(f->in, buffer, part, MSG_DONTWAIT);
		size_t place = world->end[f->from].wrote - e->pending;
		if (n > 0 && ((size_t)n > e->pending ||
		              memcmp(buffer, pattern_at(f->from, place), (size_t)n))) {
			wrong("these bytes were not written");
			f->broken = true;
		} else if (n > 0) {
			e->pending -= (size_t)n;
			f->to_read -= (size_t)n;
		} else if (n == 0 || !is_passing(errno)) {
			wrong("reading: %zd %s", n, strerrorname_np(errno));
			f->broken = true;
		}
		if (n < (ssize_t)part)
			break;
	}
}

static bool is_done(const struct flow *f, int count)
{
	bool left = false;
	for (int i = 0; i < count; i++) {
		touch(&f[i]);
		if (f[i].broken)
			return true;
		left |= f[i].to_read || f[i].to_write;
	}
	return !left;
}

static void by_poll(struct flow *f, int count)
{
	while (!is_done(f, count)) {
		struct pollfd p[4];
		for (int i = 0; i < count; i++) {
			p[2 * i] = (struct pollfd){.fd = f[i].to_write ? f[i].out : -1,
			                           .events = POLLOUT};
			p[2 * i + 1] = (struct pollfd){.fd = f[i].to_read ? f[i].in : -1,
			                               .events = POLLIN};
		}
		if (poll(p, (nfds_t)(2 * count), patience()) == 0)
			waited_in_vain(f);
		for (int i = 0; i < count; i++) {
			if (p[2 * i].revents)
				put(&f[i]);
			if (p[2 * i + 1].revents)
				get(&f[i]);
		}
	}
}

static void by_select(struct flow *f)
{
	while (!is_done(f, 1)) {
		fd_set in, out;
		struct timeval limit = {patience() / 1000, patience() % 1000 * 1000};
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_SET(f->in, &in);
		if (f->to_write)
			FD_SET(f->out, &out);
		int most = f->in > f->out ? f->in : f->out;
		int n = select(most + 1, &in, &out, NULL, &limit);
		if (n == 0)
			waited_in_vain(f);
		if (n > 0 && FD_ISSET(f->out, &out))
			put(f);
		if (n > 0 && FD_ISSET(f->in, &in))
			get(f);
	}
}

static void by_epoll(struct flow *f, bool edge)
{
	struct epoll_event event[2], interest = {.events = EPOLLOUT, .data.fd = f->out};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	uint32_t trigger = edge ? (uint32_t)EPOLLET : 0;
	interest.events |= trigger;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, f->out, &interest));
	interest = (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP | trigger, .data.fd = f->in};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, f->in, &interest));
	while (!is_done(f, 1)) {
		int n = epoll_wait(ep, event, 2, patience());
		if (n == 0)
			waited_in_vain(f);
		for (int i = 0; i < n; i++) {
			if (event[i].data.fd == f->out)
				put(f);
			else
				get(f);
		}
		if (!edge && !f->to_write)
			(void)epoll_ctl(ep, EPOLL_CTL_DEL, f->out, NULL);
	}
	close(ep);
}

/* A child writes, waiting where it must, and the parent reads likewise. */
static void by_child(struct flow *f)
{
	size_t size = f->to_write;
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		while (f->to_write && !f->broken) {
			struct pollfd p = {.fd = f->out, .events = POLLOUT};
			put(f);
			if (f->to_write)
				(void)poll(&p, 1, patience());
		}
		_exit(f->broken);
	}
	struct end *e = &world->end[!f->from];
	/* Both count in the shared world; what the child wrote is put right when it is done. */
	size_t place = world->end[f->from].wrote - e->pending;
	bool equal = true;
	while (f->to_read) {
		struct pollfd p = {.fd = f->in, .events = POLLIN};
		int n = poll(&p, 1, patience());
		touch(f);
		if (n == 0)
			waited_in_vain(f);
		if (f->broken)
			break;
		ssize_t got = n < 1 ? -1 : recv(f->in, buffer, f->room, 0);
		if (got == 0 || (n == 1 && got < 0 && !is_passing(errno)))
			break;
		if (got > 0) {
			equal &= !memcmp(buffer, pattern_at(f->from, place), (size_t)got);
			place += (size_t)got;
			f->to_read -= (size_t)got < f->to_read ? (size_t)got : f->to_read;
		}
	}
	f->broken = f->to_read || !equal;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	e->pending = f->to_read;
	f->to_write = 0;
	tell(" child wrote %zu", size);
}

static bool flow_open(struct flow *f, const struct op *op, unsigned from)
{
	static const size_t rooms[] = {4096, 16384, 65536, 200000, 5000, 16385, 1, 7};
	static const size_t offers[] = {65536, 16384, 200000, 4096, 16385, 100000, 1448};
	const struct end *e = &world->end[from], *peer = &world->end[!from];
	size_t extra = op->size;
	*f = (struct flow){.from = from};
	f->out = fd_of(from, op->name);
	f->in = fd_of(!from, op->name);
	if (f->out < 0 || f->in < 0 || e->shut_write || e->reset || peer->reset ||
	    peer->shut_read || peer->lowat > 1)
		return false;
	f->room = rooms[op->cut % 8];
	f->piece = offers[op->cut / 8 % 7];
	if (f->room < 100 && extra > 20000)
		extra = 20000;
	f->to_write = extra;
	f->to_read = extra + peer->pending;
	return true;
}

/* A kernel that takes little at a time, as it does on a slow line; afterwards more again. */
static void narrow(const struct flow *f, int count, int size)
{
	for (int i = 0; i < count; i++)
		MUST(setsockopt(f[i].out, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
}

void perform_bulk(const struct op *op)
{
	const char *how = op_how(op);
	struct flow f[2];
	int count = strcmp(how, "both") ? 1 : 2;
	for (int i = 0; i < count; i++)
		if (!flow_open(&f[i], op, op->end ^ (unsigned)i)) {
			tell(" -");
			return;
		}
	size_t asked = f->to_read;
	if (op->cut % 3)
		narrow(f, count, op->cut % 3 == 1 ? 4096 : 30000);
	if (!strcmp(how, "select"))
		by_select(f);
	else if (!strcmp(how, "level") || (!strcmp(how, "edge") && world->faulty))
		by_epoll(f, false); /* a fault's EAGAIN brings no edge behind it */
	else if (!strcmp(how, "edge"))
		by_epoll(f, true);
	else if (!strcmp(how, "child"))
		by_child(f);
	else
		by_poll(f, count);
	if (op->cut % 3)
		narrow(f, count, 200000);
	for (int i = 0; i < count; i++) {
		if (f[i].broken || f[i].to_read)
			wrong("%zu of %zu bytes left, %zu to write", f[i].to_read, asked,
			      f[i].to_write);
		news(!f[i].from);
	}
	tell(" %zu", asked);
}
