/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random sequences of operations from a seed; every result is in the trace. */
#include "../trace.h"

/*
 * Two ends in one process.  The test knows what was written and not yet read, and waits until the
 * wire is at rest before it asks anything, so each answer is determined.  SEED and COUNT in the
 * environment choose the sequences; a failing one is named by the line above it.
 */

#define STEPS 60

struct end {
	int fd;
	size_t wrote;   /* where this end's stream stands */
	size_t pending; /* bytes on their way to this end */
	bool shut;      /* it has said its end */
	int ep;
};

static uint64_t state;

static unsigned pick(unsigned below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % below;
}

/*
 * What has left one end has arrived at the other, or is about to.  (Not wait_arrived(): who
 * leaves many small segments unread may have one turned away, to come again later.)
 */
static void rest(const struct end *e, const struct end *peer)
{
	int unsent;
	do
		MUST(ioctl(peer->fd, SIOCOUTQNSD, &unsent));
	while (unsent && poll(NULL, 0, 1) == 0);
	if (e->pending || peer->shut)
		wait_readable(e->fd);
}

static void say_result(const char *what, size_t asked, ssize_t n, const void *data)
{
	int error = errno;
	if (n < 0)
		say("%s %zu = %s", what, asked, strerrorname_np(error));
	else
		say("%s %zu = %zd, %016llx", what, asked, n,
		    (unsigned long long)sum_add(SUM, data, (size_t)n));
}

static void op_write(struct end *e, struct end *peer)
{
	static const size_t sizes[] = {1, 2, 100, 1500, 4000, 16384, 16385};
	char data[16385];
	size_t size = sizes[pick(7)];
	if (peer->pending + size > 40000)
		return;
	fill(data, size, e->wrote);
	ssize_t n;
	if (pick(2)) {
		n = send(e->fd, data, size, MSG_NOSIGNAL | (pick(4) ? 0 : MSG_DONTWAIT));
	} else {
		size_t cut = pick((unsigned)size + 1);
		struct iovec iov[2] = {{data, cut}, {data + cut, size - cut}};
		struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
		n = sendmsg(e->fd, &m, MSG_NOSIGNAL);
	}
	say_result("write", size, n, data);
	if (n > 0) {
		e->wrote += (size_t)n;
		peer->pending += (size_t)n;
	}
}

static void op_read(struct end *e, const struct end *peer)
{
	static const size_t sizes[] = {1, 2, 99, 1000, 5000, 16384, 50000};
	static char data[50000];
	size_t size = sizes[pick(7)];
	int flags = MSG_DONTWAIT | (pick(4) ? 0 : MSG_PEEK) | (pick(6) ? 0 : MSG_WAITALL);
	rest(e, peer);
	ssize_t n;
	if (pick(3)) {
		n = recv(e->fd, data, size, flags);
	} else {
		size_t cut = pick((unsigned)size + 1);
		struct iovec iov[2] = {{data, cut}, {data + cut, size - cut}};
		struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
		n = recvmsg(e->fd, &m, flags);
	}
	say_result(flags & MSG_PEEK ? "peek" : "read", size, n, data);
	if (n > 0 && !(flags & MSG_PEEK))
		e->pending -= (size_t)n;
}

static void op_ask(struct end *e, const struct end *peer)
{
	struct epoll_event event;
	int n = -1;
	rest(e, peer);
	switch (pick(3)) {
	case 0:
		say_poll("end", e->fd, POLLIN | POLLOUT | POLLRDHUP, 0);
		break;
	case 1:
		n = epoll_wait(e->ep, &event, 1, 0);
		say("epoll %d %s", n, n == 1 ? events_name(event.events) : "");
		break;
	default:
		MUST(ioctl(e->fd, FIONREAD, &n));
		say("FIONREAD %d", n);
	}
}

/* Another name takes the place of the first, which is closed. */
static void op_rename(struct end *e)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
	int other = (int)MUST(dup(e->fd));
	MUST(epoll_ctl(e->ep, EPOLL_CTL_DEL, e->fd, NULL));
	close(e->fd);
	e->fd = other;
	MUST(epoll_ctl(e->ep, EPOLL_CTL_ADD, e->fd, &event));
	say("renamed");
}

static void op_shut(struct end *e)
{
	if (pick(8))
		return;
	say("shutdown %d", shutdown(e->fd, SHUT_WR));
	e->shut = true;
}

/* A child does one thing and tells by its exit status how the streams stand. */
static void op_fork(struct end *e, struct end *peer)
{
	char byte;
	if (pick(3))
		return;
	rest(e, peer);
	int what = (int)pick(2);
	pid_t child = fork_watched();
	if (child == 0) {
		if (what)
			_exit(recv(e->fd, &byte, 1, MSG_DONTWAIT) == 1);
		byte = 0;
		fill(&byte, 1, e->wrote);
		_exit(send(e->fd, &byte, 1, MSG_NOSIGNAL) == 1);
	}
	int status = 0;
	waitpid(child, &status, 0);
	say("child %s %d", what ? "reads" : "writes", WEXITSTATUS(status));
	if (what)
		e->pending -= (size_t)WEXITSTATUS(status);
	else
		e->wrote += (size_t)WEXITSTATUS(status),
			peer->pending += (size_t)WEXITSTATUS(status);
}

static void sequence(uint64_t seed)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
	struct pair p = pair_open(AF_INET);
	struct end end[2] = {{.fd = p.c}, {.fd = p.s}};
	state = seed * 0x9e3779b97f4a7c15u;
	say("## seed %llu", (unsigned long long)seed);
	for (int i = 0; i < 2; i++) {
		end[i].ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		MUST(epoll_ctl(end[i].ep, EPOLL_CTL_ADD, end[i].fd, &event));
		MUST(setsockopt(end[i].fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	}
	for (int i = 0; i < STEPS; i++) {
		struct end *e = &end[pick(2)], *peer = e == &end[0] ? &end[1] : &end[0];
		unsigned what = pick(20);
		if (what < 8)
			op_write(e, peer);
		else if (what < 14)
			op_read(e, peer);
		else if (what < 17)
			op_ask(e, peer);
		else if (what == 17)
			op_rename(e);
		else if (what == 18)
			op_shut(e);
		else if (pick(2))
			op_fork(e, peer);
		else
			set_nonblocking(e->fd, pick(2));
	}
	for (int i = 0; i < 2; i++) {
		close(end[i].fd);
		close(end[i].ep);
	}
	close(p.l);
}

int main(void)
{
	const char *seed = getenv("SEED"), *count = getenv("COUNT");
	uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
	uint64_t sequences = count ? strtoull(count, NULL, 0) : 200;

	watchdog_start();
	trace_step = "sequence";
	for (uint64_t i = 0; i < sequences; i++)
		sequence(first + i);
	return 0;
}
