/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records between the kernel and TLS: the writing half. */
#include "shim/session/record.h"

#include "shim/base/kernel.h"
#include "shim/base/scratch.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

/*
 * A record is encrypted only when the kernel has room for all of it.  For if part of the last
 * record of a write stayed with us, the program, told that everything is written, might never
 * call again, and its peer would wait for ever.  How much room there is SO_MEMINFO says, to
 * the byte of socket memory; it is asked rarely, because what was free stays free but for what
 * we send (the send buffer grows by itself; smaller it becomes by setsockopt, which says so).
 */
enum { BATCH = 4 * TLS_PLAIN, PACKET = 2048 };

/* Socket memory that `size` bytes may take: payload and the kernel's own, generously. */
static int64_t cost(size_t size)
{
	return (int64_t)size * 2 + PACKET;
}

/* Socket memory that is free; *queued, what the queue holds. */
static int64_t ask_room(int fd, uint32_t *queued)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof memory;
	*queued = 0;
	if (kernel_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
		return 0;
	*queued = memory[SK_MEMINFO_WMEM_QUEUED];
	int64_t room = (int64_t)memory[SK_MEMINFO_SNDBUF] - *queued;
	/* tcp(7), TCP_NOTSENT_LOWAT: more than so many unsent bytes the kernel does not take. */
	uint32_t limit = (uint32_t)kernel_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0);
	limit = limit ? limit : kernel_notsent_lowat();
	if (limit > INT32_MAX)
		return room;
	int64_t more = (int64_t)limit - kernel_unsent(fd);
	int64_t fits = more > 0 ? cost((size_t)more) : 0;
	return fits < room ? fits : room;
}

/* tcp(7): setting TCP_NODELAY is "an explicit flush", over TCP_CORK too, even if it is set. */
static void push(int fd)
{
	bool delays = !kernel_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	kernel_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (delays)
		kernel_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 0);
}

/*
 * A kernel that is full sends all it has, Nagle's rule or not: what would complete the last
 * segment cannot come.  When we say that it is full, we must see to that; otherwise a short queue
 * lies until the peer's delayed acknowledgement, 40 ms for every few thousand bytes.  A longer
 * queue has whole segments in it, and moves.
 */
static void push_short(int fd, uint32_t queued)
{
	if (queued && queued <= 4 * UINT16_MAX)
		push(fd);
}

/*
 * How much plaintext may be encrypted now; 0: the kernel is full and has noted that somebody
 * waits for room (poll does that: without it an edge-triggered waiter would never be woken).
 */
size_t record_room(struct session *s, int fd, size_t size)
{
	size_t want = size < BATCH ? size : BATCH;
	if (s->room >= cost(want + 256))
		return want;
	uint32_t queued;
	s->room = ask_room(fd, &queued);
	if (s->room >= cost(want + 256))
		return want;
	if (!(kernel_poll(fd, POLLOUT) & POLLOUT)) {
		push_short(fd, queued);
		return 0;
	}
	s->room = ask_room(fd, &queued);
	/* Less than all fits: a record as large as certainly does, at the least a small one. */
	int64_t fits = (s->room - PACKET) / 2 - 256;
	size_t least = 512;
	size_t part = fits > (int64_t)least ? (size_t)fits : least;
	return part < want ? part : want;
}

/* Appends to what waits; nothing is lost even where memory is: the session ends then. */
static bool wait_with(struct session *s, const uint8_t *bytes, size_t size)
{
	size_t waiting = s->tail_end - s->tail_at;
	if (s->tail_at && waiting)
		memmove(s->tail, s->tail + s->tail_at, waiting);
	uint8_t *grown = region_resize(s->region, s->tail, waiting + size);
	if (!grown)
		return false;
	memcpy(grown + waiting, bytes, size);
	session_set_tail(s, grown);
	s->tail_at = 0;
	s->tail_end = (uint32_t)(waiting + size);
	return true;
}

bool record_flush(struct session *s, int fd)
{
	while (s->tail_at < s->tail_end) {
		ssize_t sent = kernel_send(fd, s->tail + s->tail_at, s->tail_end - s->tail_at, 0);
		if (sent <= 0) {
			if (!kernel_passing(sent))
				s->kernel_error = (int)-sent;
			return false;
		}
		registry_count(s->registry, 0, 0, 0, (uint64_t)sent);
		s->tail_at += (uint32_t)sent;
	}
	if (s->tail) {
		region_free(s->region, s->tail);
		session_set_tail(s, NULL);
		s->tail_at = s->tail_end = 0;
		if (s->shutdown_wanted && session_is_up(s)) {
			s->shutdown_wanted = false;
			if (s->state == SESSION_OPEN || s->state == SESSION_SHUT_READ)
				session_shut_write(s, fd, SHUT_WR);
			else
				kernel_shutdown(fd, SHUT_WR);
		}
	}
	return true;
}

/*
 * A flight of the handshake and the first bytes behind it are small segments in flight at once:
 * Nagle's rule would hold the second until a delayed acknowledgement, 40 ms (RFC 9293 section
 * 3.7.4).  So those bytes are sent with it off; the program's setting is put back at once.
 */
static ssize_t send_first(int fd, const uint8_t *bytes, size_t size, int flags)
{
	bool delays = !kernel_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (delays)
		kernel_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	ssize_t sent = kernel_send(fd, bytes, size, flags);
	if (delays)
		kernel_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 0);
	return sent;
}

void record_send(struct session *s, int fd, struct tls_io *io, int flags)
{
	size_t size = io->out_used;
	io->out_used = 0;
	if (!record_flush(s, fd)) {
		if (!s->kernel_error && !wait_with(s, io->out, size))
			s->kernel_error = ENOMEM;
		return;
	}
	if (!size)
		return;
	ssize_t sent = s->unspoken ? send_first(fd, io->out, size, flags)
	                           : kernel_send(fd, io->out, size, flags);
	if (sent < 0 && !kernel_passing(sent)) {
		s->kernel_error = (int)-sent;
		return;
	}
	size_t taken = sent > 0 ? (size_t)sent : 0;
	registry_count(s->registry, 0, 0, 0, taken);
	s->room -= cost(taken);
	if (taken < size && !wait_with(s, io->out + taken, size - taken))
		s->kernel_error = ENOMEM;
}

/* The program's TCP_CORK, which an accepted socket has from its listener, is for its own bytes: it
 * would hold each flight for 200 ms. */
void record_send_flight(struct session *s, int fd, struct tls_io *io)
{
	bool any = io->out_used;
	record_send(s, fd, io, 0);
	if (any)
		push(fd);
}

/* Encrypts the next `part` bytes into io->out. */
static bool seal(struct session *s, struct tls_io *io, struct vector *v, size_t part,
                 uint8_t *record)
{
	while (part) {
		size_t size;
		const uint8_t *src = vector_next(v, part, record, &size);
		if (!tls_seal(s->tls, io, src, size))
			return false;
		part -= size;
	}
	return true;
}

/* As much as the kernel has room for. */
static size_t write_records(struct session *s, int fd, struct tls_io *io, struct vector v,
                            size_t size, uint8_t *record, int flags)
{
	size_t done = 0;
	while (done < size && !s->tail) {
		size_t part = record_room(s, fd, size - done);
		if (!part)
			break;
		bool fine = seal(s, io, &v, part, record);
		s->tls_abandoned |= io->abandoned;
		if (!fine) {
			session_fail(s, fd, REGISTRY_INTERNAL);
			break;
		}
		record_send(s, fd, io, flags);
		s->unspoken = false;
		if (s->kernel_error)
			break;
		done += part;
	}
	return done;
}

static ssize_t why_not(const struct session *s)
{
	if (s->state == SESSION_FAILED || session_broken(s))
		return OUTCOME_RESET;
	return s->kernel_error ? OUTCOME_PIPE : OUTCOME_AGAIN;
}

ssize_t record_write(struct session *s, int fd, struct vector v, size_t size, int flags)
{
	struct tls_io io;
	if (s->kernel_error || !record_flush(s, fd))
		return why_not(s);
	/* Pieces are gathered into a record of their own place. */
	uint8_t *record = v.count > 1 ? scratch_take() : NULL;
	if ((v.count > 1 && !record) || !session_io(s, &io)) {
		scratch_give(record);
		return OUTCOME_NO_MEMORY;
	}
	size_t done = write_records(s, fd, &io, v, size, record, flags);
	session_io_end(&io);
	scratch_give(record);
	/* The number is no socket any more: a close that we did not see.  The record is lost, and
	 * with it its place in the order of records. */
	if (s->kernel_error == ENOTSOCK || s->kernel_error == EBADF) {
		session_fail(s, fd, REGISTRY_RESET);
		return OUTCOME_GONE;
	}
	registry_count(s->registry, 0, done, 0, 0);
	if (done)
		return (ssize_t)done;
	return why_not(s);
}

/*
 * The kernel counts ciphertext, and does not say where a record ends.  What was written since all
 * was acknowledged is known in both measures, and goes down in proportion with acknowledgements:
 * so it is exact as long as none comes, never grows by more than is written (Samba relies on it),
 * and is nil with the kernel's.
 */
size_t record_queued(struct session *s, int fd, bool unsent)
{
	if (s->state <= SESSION_HANDSHAKING)
		return s->early_end;
	uint64_t tail = s->tail_end - s->tail_at;
	uint64_t wire = s->registry->wire_out + tail, plain = s->registry->bytes_out;
	uint64_t queue = (uint64_t)kernel_unacknowledged(fd) + tail;
	uint64_t sent = wire - s->acked_wire, written = plain - s->acked_plain;
	if (queue > sent) /* FIN counts as a byte */
		queue = sent;
	uint64_t left = queue ? (written * queue + sent - 1) / sent : 0;
	s->acked_wire = wire - queue;
	s->acked_plain = plain - left;
	if (!unsent || !left)
		return left;
	uint64_t kept = (uint64_t)kernel_unsent(fd) + tail;
	return kept < queue ? (left * kept + queue - 1) / queue : left;
}
