/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations that ask: readiness in every way, counts, errors. */
#include "world.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {{POLLIN, "IN"},   {POLLPRI, "PRI"},   {POLLOUT, "OUT"},    {POLLERR, "ERR"},
             {POLLHUP, "HUP"}, {POLLNVAL, "NVAL"}, {POLLRDHUP, "RDHUP"}};

/*
 * The bits of poll and epoll agree for these.  A read that takes the last bytes of a broken
 * connection may find the error, too, and keep it for the next read: POLLERR is gone then.
 */
static void tell_events(unsigned end, uint32_t events)
{
	if (world->end[end].warned && (events & POLLHUP))
		events &= ~(uint32_t)POLLERR;
	const char *between = " ";
	uint32_t left = events;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (events & names[i].bit) {
			tell("%s%s", between, names[i].name);
			between = "|";
			left &= ~names[i].bit;
		}
	if (left)
		tell("%s%x", between, left);
}

/* ---- questions about one end ---------------------------------------------------------------- */

static void ask_poll(unsigned end, int fd, const char *how)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
	struct timespec none = {0, 0};
	long n = how[1] == 'p' ? CALL(ppoll(&p, 1, &none, NULL)) : CALL(poll(&p, 1, 0));
	tell_result(n);
	if (n >= 0)
		tell_events(end, (uint32_t)p.revents);
}

static void ask_select(int fd, const char *how)
{
	fd_set set[3];
	struct timeval none = {0, 0};
	struct timespec nothing = {0, 0};
	for (int i = 0; i < 3; i++) {
		FD_ZERO(&set[i]);
		FD_SET(fd, &set[i]);
	}
	long n = how[0] == 'p'
	                 ? CALL(pselect(fd + 1, &set[0], &set[1], &set[2], &nothing, NULL))
	                 : CALL(select(fd + 1, &set[0], &set[1], &set[2], &none));
	tell_result(n);
	for (int i = 0; n >= 0 && i < 3; i++)
		tell("%s", FD_ISSET(fd, &set[i]) ? i ? i == 1 ? " w" : " e" : " r" : "");
}

static void ask_state(int fd)
{
	struct tcp_info info;
	struct stat status;
	socklen_t length = sizeof info;
	int type = 0;
	tell_result(CALL(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length)));
	/* When a FIN is acknowledged is not determined. */
	uint8_t state = info.tcpi_state;
	tell(" %s", state == TCP_ESTABLISHED ? "established" : state == TCP_CLOSE_WAIT
	     ? "peer closed" : state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2
	     ? "we closed" : "closed");
	length = sizeof type;
	tell_result(CALL(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length)));
	tell(" type %d", type);
	tell_result(CALL(fstat(fd, &status)));
	tell(" %s", S_ISSOCK(status.st_mode) ? "socket" : "other");
}

static void ask_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof error;
	tell_result(CALL(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length)));
	tell(" %s", error ? strerrorname_np(error) : "none");
}

static void ask_peer(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	tell_result(CALL(getpeername(fd, (struct sockaddr *)&address, &length)));
	length = sizeof address;
	tell_result(CALL(getsockname(fd, (struct sockaddr *)&address, &length)));
}

void perform_ask(const struct op *op)
{
	int fd = fd_of(op->end, op->name), there = -1;
	const char *how = op_how(op);
	if (fd < 0 || !readiness_known(op->end)) {
		tell(" -");
	} else if (!strcmp(how, "fionread")) {
		tell_result(CALL(ioctl(fd, FIONREAD, &there)));
		tell(" %d", there);
		world->end[op->end].counted = true;
		if (there > (int)world->end[op->end].pending)
			wrong("more than there is");
	} else if (!strcmp(how, "error")) {
		ask_error(fd);
	} else if (!strcmp(how, "peer")) {
		ask_peer(fd);
	} else if (!strcmp(how, "state")) {
		ask_state(fd);
	} else if (strstr(how, "select")) {
		ask_select(fd, how);
	} else {
		ask_poll(op->end, fd, how);
	}
}

/* ---- epoll sets ----------------------------------------------------------------------------- */

void perform_watch(const struct op *op)
{
	static const uint32_t interests[] = {
		EPOLLIN,
		EPOLLIN | EPOLLOUT | EPOLLRDHUP,
		EPOLLIN | EPOLLRDHUP | EPOLLET,
		EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		EPOLLIN | EPOLLOUT | EPOLLONESHOT,
		EPOLLIN | EPOLLET | EPOLLONESHOT,
		EPOLLIN | EPOLLEXCLUSIVE,
	};
	int fd = fd_of(op->end, op->name);
	if (fd < 0 || !readiness_known(op->end)) {
		tell(" -");
		return;
	}
	int set = world->set[op->cut % SETS];
	bool remove = op->how >= sizeof interests / sizeof *interests;
	unsigned slot = (unsigned)slot_of(op->end, op->name);
	struct epoll_event event = {.data.u64 = op->end + 2 * slot};
	if (!remove)
		event.events = interests[op->how];
	int what = remove ? EPOLL_CTL_DEL : EPOLL_CTL_ADD;
	long n = CALL(epoll_ctl(set, what, fd, &event));
	if (n < 0 && call_errno == EEXIST && !remove)
		n = CALL(epoll_ctl(set, EPOLL_CTL_MOD, fd, &event));
	tell_result(n);
	struct end *e = &world->end[op->end];
	e->news[op->cut % SETS][slot] |= n >= 0 && (event.events & EPOLLET);
	e->edge[op->cut % SETS][slot] |= !remove && (event.events & EPOLLET);
}

static unsigned end_of(const struct epoll_event *event)
{
	return (unsigned)event->data.u64 % 2;
}

static int by_end(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;
	if (end_of(x) != end_of(y))
		return end_of(x) < end_of(y) ? -1 : 1;
	if (x->events != y->events)
		return x->events < y->events ? -1 : 1;
	return x->data.u64 < y->data.u64 ? -1 : x->data.u64 > y->data.u64;
}

static long wait_on(int set, struct epoll_event *events, int count, const char *how)
{
	struct timespec none = {0, 0};
	if (!strcmp(how, "epoll_pwait"))
		return CALL(epoll_pwait(set, events, count, 0, NULL));
	if (!strcmp(how, "epoll_pwait2"))
		return CALL(epoll_pwait2(set, events, count, &none, NULL));
	return CALL(epoll_wait(set, events, count, 0));
}

/*
 * The shim may tell the same news twice to those who asked how much there is (session/record.c,
 * tell_the_rest()), and TCP tells when a FIN is acknowledged; edges without news are no
 * difference then.
 */
static bool is_repeated(unsigned end, unsigned set, unsigned slot)
{
	const struct end *e = &world->end[end];
	return (e->counted || e->shut_write) && e->edge[set][slot] && !e->news[set][slot];
}

static bool may_be_repeated(unsigned set)
{
	for (unsigned end = 0; end < 2; end++)
		for (unsigned slot = 0; slot < NAMES; slot++)
			if (is_repeated(end, set, slot))
				return true;
	return false;
}

/* The order in which a set reports is nobody's promise. */
void perform_wait(const struct op *op)
{
	struct epoll_event events[16];
	bool nested = !strcmp(op_how(op), "nested");
	unsigned set = nested ? SETS : op->cut % SETS;
	if (!readiness_known(0) || !readiness_known(1)) {
		tell(" -");
		return;
	}
	long n = wait_on(world->set[set], events, 16, op_how(op));
	if (n < 0 || call_errno != ENOTUNIQ)
		tell_result(n);
	if (n > 0)
		qsort(events, (size_t)n, sizeof *events, by_end);
	for (long i = 0; i < n; i++) {
		/* Of the set of sets, a set. */
		unsigned which = (unsigned)events[i].data.u64, end = end_of(&events[i]);
		if (nested ? may_be_repeated(which) : is_repeated(end, set, which / 2))
			continue;
		tell(" %c", nested ? '0' + (int)which : 'a' + (int)end);
		tell_events(nested ? 0 : end, events[i].events);
	}
	for (unsigned end = 0; end < 2 && !nested; end++)
		memset(world->end[end].news[set], false, sizeof world->end[end].news[set]);
}
