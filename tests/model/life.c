/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations on descriptors themselves: names, ends, options. */
#include "world.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- names ---------------------------------------------------------------------------------- */

static int free_slot(unsigned end)
{
	for (int i = 0; i < NAMES; i++)
		if (world->fd[self][end][i] < 0)
			return i;
	return -1;
}

/* Ending an end is for operations that are marked so. */
static bool may_lose(const struct op *op, unsigned end)
{
	return names_of(end) > 1 || (op->flags & FLAG_last);
}

static void name_more(const struct op *op, int fd)
{
	const char *how = op_how(op);
	int slot = free_slot(op->end), number = 100 + (int)(op->end * 10) + slot;
	long n;
	if (slot < 0) {
		tell(" -");
		return;
	}
	if (!strcmp(how, "dup"))
		n = CALL(dup(fd));
	else if (!strcmp(how, "dupfd"))
		n = CALL(fcntl(fd, F_DUPFD, 50));
	else if (!strcmp(how, "dupfd_cloexec"))
		n = CALL(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	else if (fcntl(number, F_GETFD) >= 0)
		n = CALL(dup(fd));
	else if (!strcmp(how, "dup2"))
		n = CALL(dup2(fd, number));
	else
		n = CALL(dup3(fd, number, O_CLOEXEC));
	if (n >= 0)
		world->fd[self][op->end][slot] = (int)n;
	tell(" %s", n < 0 ? strerrorname_np(call_errno) : "done");
}

/* dup2 onto a name that is in use: of the other end, of its own, or something else onto it. */
static void name_over(const struct op *op, int fd)
{
	const char *how = op_how(op);
	bool cover = !strcmp(how, "cover");
	unsigned end = strcmp(how, "over_other") ? op->end : !op->end;
	int slot = slot_of(end, op->cut);
	if (slot < 0 || !may_lose(op, end) ||
	    (end == op->end && !cover && world->fd[self][end][slot] == fd)) {
		tell(" -");
		return;
	}
	int target = world->fd[self][end][slot];
	int source = cover ? (int)MUST(open("/dev/null", O_RDWR | O_CLOEXEC)) : fd;
	long n = CALL(dup2(source, target));
	tell(" %s", n == target ? "done" : strerrorname_np(call_errno));
	if (n < 0)
		return;
	lose_name(self, end, (unsigned)slot);
	if (cover) {
		close(source);
		tell_result(CALL(close(target)));
	} else if (free_slot(op->end) >= 0) {
		world->fd[self][op->end][free_slot(op->end)] = target;
	} else {
		tell_result(CALL(close(target)));
	}
}

void perform_name(const struct op *op)
{
	int fd = fd_of(op->end, op->name);
	const char *how = op_how(op);
	if (fd < 0)
		tell(" -");
	else if (!strncmp(how, "over", 4) || !strcmp(how, "cover"))
		name_over(op, fd);
	else
		name_more(op, fd);
}

void perform_close(const struct op *op)
{
	int slot = slot_of(op->end, op->name);
	const char *how = op_how(op);
	if (slot < 0 || !may_lose(op, op->end)) {
		tell(" -");
		return;
	}
	int fd = world->fd[self][op->end][slot];
	if (!strcmp(how, "syscall"))
		tell_result(CALL(syscall(SYS_close, fd)));
	else if (!strcmp(how, "close_range"))
		tell_result(CALL(close_range((unsigned)fd, (unsigned)fd, 0)));
	else
		tell_result(CALL(close(fd)));
	lose_name(self, op->end, (unsigned)slot);
}

/* ---- half an end ---------------------------------------------------------------------------- */

void perform_shut(const struct op *op)
{
	static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	struct end *e = &world->end[op->end];
	int fd = fd_of(op->end, op->name);
	bool reading = hows[op->how] != SHUT_WR, writing = hows[op->how] != SHUT_RD;
	/* What is shut already the kernel tells all watchers again, and the shim nobody. */
	if (fd < 0 || (!(reading && !e->shut_read) && !(writing && !e->shut_write))) {
		tell(" -");
		return;
	}
	long n = CALL(shutdown(fd, hows[op->how]));
	tell_result(n);
	if (n < 0)
		return;
	e->shut_read |= reading;
	e->shut_write |= writing;
	note_last_words(op->end);
	news(op->end);
	if (writing)
		news(!op->end);
}

/* ---- options -------------------------------------------------------------------------------- */

static long set_option(int fd, int level, int name, int value)
{
	return CALL(setsockopt(fd, level, name, &value, sizeof value));
}

static long option(const struct op *op, struct end *e, int fd)
{
	const char *how = op_how(op);
	int on = op->size != 0;
	if (!strcmp(how, "nonblock") || !strcmp(how, "fionbio")) {
		e->nonblocking = on;
		int flags = fcntl(fd, F_GETFL);
		tell(" was %d", !!(flags & O_NONBLOCK));
		flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
		return how[0] == 'n' ? CALL(fcntl(fd, F_SETFL, flags))
		                     : CALL(ioctl(fd, FIONBIO, &on));
	}
	if (!strcmp(how, "nodelay")) {
		e->delay = !on;
		return set_option(fd, IPPROTO_TCP, TCP_NODELAY, on);
	}
	if (!strcmp(how, "cork")) {
		e->held = on;
		return set_option(fd, IPPROTO_TCP, TCP_CORK, on);
	}
	if (!strcmp(how, "lowat")) {
		e->lowat = op->size ? op->size : 1;
		news(op->end);
		return set_option(fd, SOL_SOCKET, SO_RCVLOWAT, (int)e->lowat);
	}
	if (!strcmp(how, "rcvtimeo")) {
		struct timeval limit = {.tv_usec = on ? 1000 : 0};
		e->timed = on;
		return CALL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
	}
	struct linger linger = {.l_onoff = on};
	e->linger = on;
	return CALL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

void perform_option(const struct op *op)
{
	int fd = fd_of(op->end, op->name);
	/* What SO_RCVLOWAT is set to with bytes unread, counts from then on only. */
	if (fd < 0 || (!strcmp(op_how(op), "lowat") && world->end[op->end].pending))
		tell(" -");
	else
		tell_result(option(op, &world->end[op->end], fd));
}
