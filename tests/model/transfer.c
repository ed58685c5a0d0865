/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations that move bytes: every spelling of read and write. */
#include "world.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t limit);
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t limit, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t limit, int flags,
                       struct sockaddr *from, socklen_t *length);

static uint8_t buffer[1 << 17];

static bool is_how(const struct op *op, const char *how)
{
	return !strcmp(op_how(op), how);
}

static int msg_flags(const struct op *op)
{
	return (op->flags & FLAG_peek ? MSG_PEEK : 0) |
	       (op->flags & FLAG_waitall ? MSG_WAITALL : 0) |
	       (op->flags & FLAG_dontwait ? MSG_DONTWAIT : 0) |
	       (op->flags & FLAG_trunc ? MSG_TRUNC : 0) |
	       (op->flags & FLAG_more ? MSG_MORE : 0) |
	       (op->flags & FLAG_nosignal ? MSG_NOSIGNAL : 0);
}

/* The spellings that take flags. */
static bool takes_flags(const struct op *op)
{
	static const char *const such[] = {"send", "sendto", "sendmsg", "sendmmsg", "recv",
	                                   "recvfrom", "recvmsg", "recvmmsg", "recv_chk",
	                                   "recvfrom_chk"};
	for (unsigned i = 0; i < sizeof such / sizeof *such; i++)
		if (is_how(op, such[i]))
			return true;
	return false;
}

/* Two messages out of one; how many bytes went or came with them all is the result. */
static long both_messages(int fd, const struct op *op, void *data, size_t size, bool out)
{
	struct mmsghdr m[2];
	struct iovec v[2][MOST_PIECES];
	size_t first = size / 3;
	memset(m, 0, sizeof m);
	m[0].msg_hdr.msg_iov = v[0];
	m[0].msg_hdr.msg_iovlen = (size_t)pieces(v[0], data, first, op->cut);
	m[1].msg_hdr.msg_iov = v[1];
	m[1].msg_hdr.msg_iovlen =
		(size_t)pieces(v[1], (uint8_t *)data + first, size - first, op->cut / 6);
	int flags = msg_flags(op) & ~MSG_PEEK;
	if (world->faulty && out) /* after a short first one, the second would leave a gap */
		return CALL(send(fd, data, size, flags));
	long n = out ? CALL(sendmmsg(fd, m, 2, flags))
	             : CALL(recvmmsg(fd, m, 2, flags | MSG_DONTWAIT, NULL));
	if (n < 0)
		return n;
	tell(" %ld:", n);
	if (!world->faulty && n == 2 && m[0].msg_len < first && m[1].msg_len)
		wrong("a short message, then another");
	if (n == 2 && !out)
		memmove((uint8_t *)data + m[0].msg_len, (uint8_t *)data + first, m[1].msg_len);
	return (long)m[0].msg_len + (n == 2 ? (long)m[1].msg_len : 0);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* All of it into or out of a pipe of our own, whatever faults there are. */
static void fill_pipe(int fd, const uint8_t *from, size_t size)
{
	while (size) {
		size_t n = (size_t)MUST(write(fd, from, size));
		from += n;
		size -= n;
	}
}

static void empty_pipe(int fd, uint8_t *to, size_t size)
{
	while (size) {
		size_t n = (size_t)MUST(read(fd, to, size));
		to += n;
		size -= n;
	}
}

/* The kernel may take a pipe in several goes. */
static long splice_out(int fd, const struct op *op, const void *data, size_t size)
{
	int p[2];
	long done = 0, n = 0;
	MUST(pipe2(p, O_CLOEXEC));
	while ((size_t)done < size) {
		size_t part = size - (size_t)done < 60000 ? size - (size_t)done : 60000;
		fill_pipe(p[1], (const uint8_t *)data + done, part);
		for (size_t moved = 0; moved < part; moved += (size_t)n, done += n) {
			n = CALL(splice(p[0], NULL, fd, NULL, part - moved,
			                op->cut % 2 ? SPLICE_F_MORE : 0));
			if (n <= 0)
				break;
		}
		if (n <= 0)
			break;
	}
	close(p[0]);
	close(p[1]);
	return done ? done : size ? n : 0;
}

static long write_as(const struct op *op, int fd, size_t size)
{
	size_t place = world->end[op->end].wrote;
	void *data = (void *)pattern_at(op->end, place);
	struct iovec v[MOST_PIECES];
	int count = pieces(v, data, size, op->cut), flags = msg_flags(op);
	struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)count};
	off_t offset = (off_t)(place % PATTERN);
	int file = pattern_file(op->end);
	const char *how = op_how(op);

	if (!strcmp(how, "writev"))
		return CALL(writev(fd, v, count));
	if (!strcmp(how, "pwritev2"))
		return CALL(pwritev2(fd, v, count, -1, op->cut % 2 ? RWF_NOWAIT : 0));
	if (!strcmp(how, "send"))
		return CALL(send(fd, data, size, flags));
	if (!strcmp(how, "sendto"))
		return CALL(sendto(fd, data, size, flags, NULL, 0));
	if (!strcmp(how, "sendmsg"))
		return CALL(sendmsg(fd, &m, flags));
	if (!strcmp(how, "sendmmsg"))
		return both_messages(fd, op, data, size, true);
	if (!strcmp(how, "syscall"))
		return CALL(syscall(SYS_write, fd, data, size));
	if (!strcmp(how, "splice"))
		return splice_out(fd, op, data, size);
	if (!strcmp(how, "sendfile_at")) {
		long n = CALL(sendfile(fd, file, &offset, size));
		tell(" to %ld", (long)(offset - (off_t)(place % PATTERN)));
		return n;
	}
	if (!strcmp(how, "sendfile")) {
		lseek(file, offset, SEEK_SET);
		long n = CALL(sendfile(fd, file, NULL, size));
		tell(" to %ld", (long)(lseek(file, 0, SEEK_CUR) - offset));
		return n;
	}
	return CALL(write(fd, data, size));
}

/* errno that a fault may have put there; such a call has done nothing. */
static bool is_fault(void)
{
	return world->faulty && (call_errno == EAGAIN || call_errno == EINTR ||
	                         call_errno == ENOMEM || call_errno == ENOBUFS);
}

static void judge_write(const struct op *op, long n, size_t size)
{
	const struct end *e = &world->end[op->end], *peer = &world->end[!op->end];
	if (n > (long)size)
		wrong("more than asked");
	if (!world->faulty || n >= 0 || is_fault())
		return;
	bool over = e->shut_write || e->reset || peer->gone;
	if (!over || (call_errno != EPIPE && call_errno != ECONNRESET))
		wrong("no reason for %s", strerrorname_np(call_errno));
}

/* Bytes for an end that is gone, or as good as, are answered by a reset, at once on loopback. */
static void await_reset(struct end *e, int fd)
{
	struct end *peer = e == world->end ? e + 1 : world->end;
	struct pollfd p = {.fd = fd};
	for (int i = 0; !e->reset && i < 1000; i++) {
		p.events = world->faulty ? POLLOUT : 0; /* what fell short goes out */
		if (poll(&p, 1, world->faulty ? 1 : 10) == 1 && p.revents & (POLLERR | POLLHUP))
			break;
	}
	e->reset = peer->reset = true;
}

void perform_write(const struct op *op)
{
	struct end *e = &world->end[op->end], *peer = &world->end[!op->end];
	int fd = fd_of(op->end, op->name);
	if (fd < 0 || peer->pending + op->size > ROOM) {
		tell(" -");
		return;
	}
	long n = write_as(op, fd, op->size);
	tell_result(n);
	judge_write(op, n, op->size);
	if (n <= 0)
		return;
	tell_sum(pattern_at(op->end, e->wrote), (size_t)n);
	e->held |= (takes_flags(op) && (op->flags & FLAG_more)) || is_how(op, "splice") ||
	           is_how(op, "sendfile") || is_how(op, "sendfile_at");
	if (peer->gone || (peer->shut_read && peer->shut_write)) {
		await_reset(e, fd); /* nobody gets them */
	} else {
		e->wrote += (size_t)n;
		peer->pending += (size_t)n;
	}
	news(!op->end);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* As much as there is, in as many goes as the kernel's pages make it. */
static long splice_in(int fd, void *data, size_t size)
{
	int p[2];
	long done = 0, n = 0;
	MUST(pipe2(p, O_CLOEXEC));
	while ((size_t)done < size) {
		n = CALL(splice(fd, NULL, p[1], NULL, size - (size_t)done, SPLICE_F_NONBLOCK));
		if (n <= 0)
			break;
		empty_pipe(p[0], (uint8_t *)data + done, (size_t)n);
		done += n;
	}
	close(p[0]);
	close(p[1]);
	return done ? done : n;
}

static long read_as(const struct op *op, int fd, size_t size)
{
	struct iovec v[MOST_PIECES];
	int count = pieces(v, buffer, size, op->cut), flags = msg_flags(op);
	struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)count};
	int nowait = op->flags & FLAG_dontwait ? RWF_NOWAIT : 0;
	const char *how = op_how(op);

	if (!strcmp(how, "readv"))
		return CALL(readv(fd, v, count));
	if (!strcmp(how, "preadv2"))
		return CALL(preadv2(fd, v, count, -1, nowait));
	if (!strcmp(how, "preadv64v2"))
		return CALL(preadv64v2(fd, v, count, -1, nowait));
	if (!strcmp(how, "recv"))
		return CALL(recv(fd, buffer, size, flags));
	if (!strcmp(how, "recvfrom"))
		return CALL(recvfrom(fd, buffer, size, flags, NULL, NULL));
	if (!strcmp(how, "recvmsg"))
		return CALL(recvmsg(fd, &m, flags));
	if (!strcmp(how, "recvmmsg"))
		return both_messages(fd, op, buffer, size, false);
	if (!strcmp(how, "read_chk"))
		return CALL(__read_chk(fd, buffer, size, sizeof buffer));
	if (!strcmp(how, "recv_chk"))
		return CALL(__recv_chk(fd, buffer, size, sizeof buffer, flags));
	if (!strcmp(how, "recvfrom_chk"))
		return CALL(__recvfrom_chk(fd, buffer, size, sizeof buffer, flags, NULL, NULL));
	if (!strcmp(how, "syscall"))
		return CALL(syscall(SYS_read, fd, buffer, size));
	if (!strcmp(how, "splice"))
		return splice_in(fd, buffer, size);
	return CALL(read(fd, buffer, size));
}

/* Would it wait for what nobody is going to send? */
static bool would_wait(const struct op *op, size_t size)
{
	const struct end *e = &world->end[op->end];
	bool flags = takes_flags(op);
	bool now = e->nonblocking || (flags && (op->flags & FLAG_dontwait)) ||
	           is_how(op, "recvmmsg") ||
	           ((is_how(op, "preadv2") || is_how(op, "preadv64v2")) &&
	            (op->flags & FLAG_dontwait));
	if (now || ends_here(op->end))
		return false;
	/* A peek that is told EAGAIN, though all is there, waits for more than all. */
	if (world->faulty && flags && (op->flags & FLAG_peek) && (op->flags & FLAG_waitall))
		return true;
	size_t target = e->lowat < size ? e->lowat : size;
	if ((flags && (op->flags & FLAG_waitall)) || is_how(op, "splice"))
		target = size;
	if (e->timed && !is_how(op, "splice"))
		return false;
	return e->pending < (target ? target : 1);
}

static void judge_read(const struct op *op, long n, size_t size)
{
	const struct end *e = &world->end[op->end];
	if (n > (long)size || n > (long)e->pending)
		wrong("more than there is");
	if (!world->faulty || is_fault())
		return;
	if (n == 0 && size && (e->pending || !ends_here(op->end)))
		wrong("no end of the stream here");
	/* A goodbye that a fault kept back is missed, behind all the data. */
	if (n < 0 && world->end[!op->end].gone && !e->pending && call_errno == ECONNRESET)
		return;
	if (n < 0 && !(e->reset && (call_errno == ECONNRESET || call_errno == EPIPE)))
		wrong("no reason for %s", strerrorname_np(call_errno));
}

void perform_read(const struct op *op)
{
	struct end *e = &world->end[op->end];
	int fd = fd_of(op->end, op->name);
	size_t size = op->size;
	/* The end of the stream, met twice by two messages, may be an error the second time. */
	if (fd < 0 || would_wait(op, size) || (is_how(op, "recvmmsg") && e->reset)) {
		tell(" -");
		return;
	}
	long n = read_as(op, fd, size);
	tell_result(n);
	judge_read(op, n, size);
	if (n <= 0)
		return;
	e->warned |= e->reset;
	bool flags = takes_flags(op);
	size_t place = world->end[!op->end].wrote - e->pending;
	if (!flags || !(op->flags & FLAG_trunc)) {
		tell_sum(buffer, (size_t)n);
		if (memcmp(buffer, pattern_at(!op->end, place), (size_t)n))
			wrong("these bytes were not written");
	}
	if (!flags || !(op->flags & FLAG_peek) || is_how(op, "recvmmsg"))
		e->pending -= (size_t)n;
}
