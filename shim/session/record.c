/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records between the kernel and TLS: the reading half. */
#include "shim/session/record.h"

#include "shim/base/kernel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* RFC 8446 section 5.1: type, version, length. */
static size_t record_length(const uint8_t *header)
{
	return TLS_HEADER + (size_t)(header[3] << 8 | header[4]);
}

/* What can only be garbage must not make us wait for 64 KiB of it. */
static bool header_is_sane(const uint8_t *header)
{
	return header[0] >= 20 && header[0] <= 23 && header[1] == 3 &&
	       record_length(header) <= TLS_RECORD;
}

/* Length of the record that begins in s->part; 0 while its header is incomplete. */
static size_t part_length(const struct session *s)
{
	return s->part_end >= TLS_HEADER ? record_length(s->part) : 0;
}

static bool grow(struct session *s, uint8_t **buffer, uint32_t *size, size_t need)
{
	if (need <= *size && *buffer)
		return true;
	if (*buffer && need < 2 * (size_t)*size)
		need = 2 * (size_t)*size; /* many small records must not be moved for each */
	uint8_t *moved = region_resize(s->region, *buffer, need);
	if (!moved)
		return false;
	*buffer = moved;
	*size = (uint32_t)need;
	return true;
}

static void drop_part(struct session *s)
{
	region_free(s->region, s->part);
	s->part = NULL;
	s->part_end = s->part_size = 0;
}

static bool keep_part(struct session *s, const uint8_t *bytes, size_t size)
{
	if (size == 0) {
		drop_part(s);
		return true;
	}
	size_t need = size >= TLS_HEADER ? record_length(bytes) : 64;
	if (!grow(s, &s->part, &s->part_size, need > size ? need : size))
		return false;
	memmove(s->part, bytes, size);
	s->part_end = (uint32_t)size;
	return true;
}

static size_t held(const struct session *s)
{
	return s->held_end - s->held_at;
}

/* Behind what is held.  What has been delivered gives its place up first: growing is bounded. */
static bool make_room(struct session *s, size_t room)
{
	if (s->held_at && s->held_end + room > s->held_size) {
		memmove(s->held, s->held + s->held_at, held(s));
		s->held_end -= s->held_at;
		s->held_at = 0;
	}
	return grow(s, &s->held, &s->held_size, s->held_end + room);
}

static void drop_held(struct session *s)
{
	region_free(s->region, s->held);
	s->held = NULL;
	s->held_at = s->held_end = s->held_size = 0;
}

/* Drops what has been looked at.  False: it is not there, and neither is the stream any more. */
static bool drop(struct session *s, int fd, size_t size)
{
	while (size) {
		ssize_t gone = kernel_skip(fd, size);
		if (gone <= 0)
			return false;
		registry_count(s->registry, 0, 0, (uint64_t)gone, 0);
		size -= (size_t)gone;
	}
	return true;
}

/* The token has done its work: its record's plaintext has all been delivered. */
static void redeem_token(struct session *s, int fd)
{
	drop(s, fd, s->token);
	s->token = 0;
}

/*
 * Who asked how much there is (FIONREAD), has read that much and finds more takes it for bytes
 * that came since and, under edge-triggered epoll, waits for the news of them (nginx does).  We
 * counted what was decrypted then, so the rest is news to nobody; the kernel is made to tell it
 * (setting SO_RCVLOWAT, socket(7), looks whether the socket is readable).
 */
static void tell_the_rest(struct session *s, int fd, size_t delivered)
{
	if (!s->counted)
		return;
	s->counted -= delivered < s->counted ? delivered : s->counted;
	if (!s->counted && (kernel_poll(fd, POLLIN) & POLLIN))
		kernel_set_option(fd, SOL_SOCKET, SO_RCVLOWAT,
		                  kernel_option(fd, SOL_SOCKET, SO_RCVLOWAT, 1));
}

static ssize_t take_held(struct session *s, uint8_t *dst, size_t size)
{
	size_t part = size < held(s) ? size : held(s);
	memcpy(dst, s->held + s->held_at, part);
	s->held_at += (uint32_t)part;
	if (!held(s))
		drop_held(s);
	return (ssize_t)part;
}

/* ---- ends ------------------------------------------------------------------------------------ */

ssize_t record_failed(struct session *s, int fd, int error)
{
	if (kernel_passing(-error))
		return error == EAGAIN ? OUTCOME_AGAIN : OUTCOME_ERRNO - error;
	if (error == ENOTSOCK || error == EBADF)
		return OUTCOME_GONE;
	s->kernel_error = error;
	session_fail(s, fd, REGISTRY_RESET);
	return OUTCOME_RESET;
}

/*
 * FIN, with or without the goodbye that TLS asks for (RFC 8446 section 6.1).  The kernel also
 * says so once it has told somebody, a writer or SO_ERROR, that the connection is broken.
 */
static ssize_t end_of_stream(struct session *s, int fd)
{
	if (s->state == SESSION_SHUT_READ || s->state == SESSION_CLOSED || s->read_shut)
		return OUTCOME_END;
	if (session_broken(s))
		return record_failed(s, fd, s->kernel_error);
	if (s->peer.rule->truncated == POLICY_TRUNCATED_EOF && !s->part_end) {
		session_peer_closed(s, fd);
		return OUTCOME_END;
	}
	session_fail(s, fd, REGISTRY_TRUNCATED);
	return OUTCOME_RESET;
}

/*
 * Tickets, KeyUpdates and empty records carry nothing for the program.  Nobody honest sends so many
 * in a row; they would keep us busy under the lock for as long as the peer likes.
 */
enum { BARREN_MAX = 256 };

/*
 * Decrypts one record into dst.  Whatever TLS wants to say in answer (a KeyUpdate, a fatal
 * alert) leaves at once.
 */
static enum tls_result open_record(struct session *s, int fd, struct tls_io *io,
                                   uint8_t *record, size_t length, uint8_t *dst, size_t size,
                                   size_t *got)
{
	enum registry_reason reason = REGISTRY_BAD_RECORD;
	io->record = record;
	io->record_size = length;
	io->out_used = 0;
	enum tls_result result = tls_open(s->tls, io, dst, size, got, &reason);
	s->tls_abandoned |= io->abandoned;
	/* Nothing follows our close_notify (RFC 8446 section 6.1). */
	if (io->out_used && s->state != SESSION_SHUT_WRITE && s->state != SESSION_CLOSED)
		record_send(s, fd, io, 0);
	if (*got)
		s->barren = 0;
	else if (result == TLS_DONE && ++s->barren > BARREN_MAX)
		result = TLS_FAILED;
	/* Answers that the peer does not read have no room any more.  It is the peer's doing, and
	 * the next record would be missing its predecessor. */
	if (result == TLS_DONE && s->kernel_error == ENOMEM) {
		s->kernel_error = ECONNRESET;
		result = TLS_FAILED;
		reason = REGISTRY_NO_MEMORY;
	}
	if (result == TLS_CLOSED)
		session_peer_closed(s, fd);
	else if (result == TLS_FAILED)
		session_fail(s, fd, reason);
	return result;
}

/* ---- the fast way: everything that comes can be handed over ---------------------------------- */

/*
 * Room for n bytes of plaintext: what n bytes can come from is at most n + overhead bytes, be it
 * one record or many.  So nothing received here is ever left over but the beginning of a record.
 */
static ssize_t read_through(struct session *s, int fd, struct tls_io *io, uint8_t *dst, size_t size,
                            bool *drained)
{
	size_t capacity;
	uint8_t *inbox = session_io_inbox(io, &capacity);
	size_t want = size + s->overhead;
	if (want > capacity)
		want = capacity;
	size_t have = s->part_end, skip = s->token;
	if (have)
		memcpy(inbox, s->part, have);
	/* The token, if there is one, comes first and lands before the inbox. */
	ssize_t got = kernel_recv(fd, inbox + have - skip, want - have + skip, 0);
	if (got <= 0) {
		*drained = true;
		return got == 0 ? end_of_stream(s, fd) : record_failed(s, fd, (int)-got);
	}
	registry_count(s->registry, 0, 0, (uint64_t)got, 0);
	*drained = (size_t)got < want - have + skip;
	if ((size_t)got < skip) {
		s->token -= (uint32_t)got;
		return 0;
	}
	s->token = 0;
	size_t end = have + (size_t)got - skip, at = 0, delivered = 0;
	while (end - at >= TLS_HEADER) {
		size_t length = record_length(inbox + at), plain;
		if (!header_is_sane(inbox + at))
			length = end - at; /* TLS will say what it thinks of it */
		else if (length > end - at)
			break;
		if (open_record(s, fd, io, inbox + at, length, dst + delivered, size - delivered,
		                &plain) != TLS_DONE) {
			*drained = true;
			if (s->state != SESSION_FAILED)
				drop_part(s);
			return delivered ? (ssize_t)delivered
			       : s->state == SESSION_FAILED ? OUTCOME_RESET : OUTCOME_END;
		}
		delivered += plain;
		at += length;
	}
	if (!keep_part(s, inbox + at, end - at)) {
		session_fail(s, fd, REGISTRY_NO_MEMORY);
		return delivered ? (ssize_t)delivered : OUTCOME_RESET;
	}
	/* "Nothing there" would be wrong if FIN was: epoll may have told of both at once. */
	*drained &= delivered != 0;
	return (ssize_t)delivered;
}

/* ---- the careful way: the record stays, its last byte as the token --------------------------- */

/* socket(7), SO_RCVLOWAT: with fewer bytes than that the kernel says "not readable". */
static size_t token_size(int fd, size_t unread)
{
	int lowest = kernel_option(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
	size_t token = lowest < 1 ? 1 : lowest > SESSION_TOKEN ? SESSION_TOKEN : (size_t)lowest;
	return token < unread ? token : unread;
}

/*
 * Decrypts the next record, if all of it is there, behind what is held.  All but the token is
 * taken from the kernel; of a record that is not all there what there is, unless something is
 * held.  1: done (it may have carried nothing); OUTCOME_AGAIN: no more has come; OUTCOME_END;
 * OUTCOME_RESET.
 */
static ssize_t hold_next(struct session *s, int fd, struct tls_io *io)
{
	size_t capacity, skip = s->token, have = s->part_end;
	uint8_t *inbox = session_io_inbox(io, &capacity);
	if (have)
		memcpy(inbox, s->part, have);
	/* One record at most.  A token, only looked at here, lands before the inbox: there is
	 * never a token and a part at once. */
	ssize_t seen = kernel_recv(fd, inbox + have - skip, TLS_RECORD - have + skip, MSG_PEEK);
	if (seen == 0 || (seen < 0 && held(s)))
		return held(s) ? OUTCOME_AGAIN : end_of_stream(s, fd);
	if (seen < 0)
		return record_failed(s, fd, (int)-seen);
	if ((size_t)seen < skip)
		return OUTCOME_AGAIN;
	size_t end = have + (size_t)seen - skip;
	size_t length = end >= TLS_HEADER ? record_length(inbox) : 0;
	bool sane = end < TLS_HEADER || header_is_sane(inbox);
	if (sane && (!length || length > end)) {
		if (held(s))
			return OUTCOME_AGAIN;
		if (!drop(s, fd, (size_t)seen) || !keep_part(s, inbox, end)) {
			session_fail(s, fd, REGISTRY_NO_MEMORY);
			return OUTCOME_RESET;
		}
		s->token = 0;
		return 1; /* FIN may be behind it */
	}
	if (!sane)
		length = end;
	size_t room = length > s->overhead ? length - s->overhead : 1, plain;
	if (!make_room(s, room)) {
		session_fail(s, fd, REGISTRY_NO_MEMORY);
		return OUTCOME_RESET;
	}
	size_t unread = length - have + skip, token = token_size(fd, unread);
	size_t taken = unread - token;
	if (!drop(s, fd, taken)) {
		session_fail(s, fd, REGISTRY_INTERNAL);
		return OUTCOME_RESET;
	}
	s->token = (uint32_t)token;
	drop_part(s);
	enum tls_result result =
		open_record(s, fd, io, inbox, length, s->held + s->held_end, room, &plain);
	if (result == TLS_FAILED)
		return OUTCOME_RESET;
	s->held_end += (uint32_t)plain;
	if (!held(s)) {
		redeem_token(s, fd);
		drop_held(s);
	}
	return result == TLS_CLOSED ? OUTCOME_END : 1;
}

/* ---- what the doors ask ---------------------------------------------------------------------- */

static bool peer_has_closed(const struct session *s)
{
	return s->state == SESSION_SHUT_READ || s->state == SESSION_CLOSED;
}

/*
 * The careful way costs two system calls, the fast one a single one; but a reader with a tiny
 * buffer (a header first, then the body) would on the fast way cut every record in three.
 */
enum { TINY = 32 };

ssize_t record_read(struct session *s, int fd, uint8_t *dst, size_t size)
{
	struct tls_io io;
	ssize_t result = 0;
	size_t done = 0;
	bool drained = false;
	if (!session_io(s, &io))
		return OUTCOME_NO_MEMORY;
	while (done < size && !drained) {
		if (held(s)) {
			done += (size_t)take_held(s, dst + done, size - done);
			if (!held(s) && (done == size || peer_has_closed(s)))
				redeem_token(s, fd);
			continue;
		}
		if (peer_has_closed(s))
			break;
		size_t room = size - done, length = part_length(s);
		if (length > room + s->overhead || (room <= TINY && !s->part_end)) {
			result = hold_next(s, fd, &io);
			drained = result <= 0;
			continue;
		}
		result = read_through(s, fd, &io, dst + done, room, &drained);
		if (result > 0)
			done += (size_t)result;
		else if (result < 0)
			drained = true;
	}
	session_io_end(&io);
	if (!done)
		return result < 0 ? result : peer_has_closed(s) ? OUTCOME_END : OUTCOME_AGAIN;
	registry_count(s->registry, done, 0, 0, 0);
	tell_the_rest(s, fd, done);
	return (ssize_t)done;
}

/* Holds records until `size` bytes are there, or no more are. */
static ssize_t hold(struct session *s, int fd, size_t size)
{
	struct tls_io io;
	ssize_t result = 1;
	if (!session_io(s, &io))
		return OUTCOME_NO_MEMORY;
	while (held(s) < size && result > 0 && !peer_has_closed(s))
		result = hold_next(s, fd, &io);
	session_io_end(&io);
	return result;
}

ssize_t record_peek(struct session *s, int fd, uint8_t *dst, size_t size)
{
	size_t want = size < RECORD_PEEKED ? size : RECORD_PEEKED;
	ssize_t result = hold(s, fd, want);
	if (!held(s))
		return result < 0 ? result : peer_has_closed(s) ? OUTCOME_END : OUTCOME_AGAIN;
	size_t part = size < held(s) ? size : held(s);
	memcpy(dst, s->held + s->held_at, part);
	return (ssize_t)part;
}

bool record_readable(struct session *s, int fd)
{
	ssize_t result = hold(s, fd, 1);
	return held(s) || s->state == SESSION_FAILED || peer_has_closed(s) ||
	       (result < 0 && result != OUTCOME_AGAIN);
}

size_t record_available(struct session *s, int fd)
{
	hold(s, fd, RECORD_PEEKED);
	s->counted = s->state == SESSION_FAILED ? 0 : held(s);
	return s->counted;
}

/* ---- the end --------------------------------------------------------------------------------- */

/*
 * tcp(7): closing with unread bytes sends a reset, which can destroy what the peer has not read
 * yet.  A handshake, tickets, a close_notify and token bytes are ours and taken out; application
 * data is the program's, and where it left some unread the reset is what it would have had without
 * us: then no goodbye is said either.
 */
void record_farewell(struct session *s, int fd)
{
	if (s->borrowed && s->state == SESSION_FRESH)
		return;
	/* A connect that another thread waits in ends as the kernel ends it. */
	if (s->state == SESSION_FRESH && !kernel_connected(fd))
		return;
	if (s->state != SESSION_FAILED && kernel_resets_on_close(fd))
		return;
	if (!session_is_up(s)) {
		/* FIN first: what comes from now on is too late to look like a reset. */
		if (s->state != SESSION_FAILED)
			kernel_shutdown(fd, SHUT_WR);
		if (s->reason == REGISTRY_RESET || s->reason == REGISTRY_HOLDER_DIED)
			return;
		/* A peer that goes on and on is not waited for. */
		for (int i = 0; i < 16 && kernel_skip(fd, 1 << 20) > 0; i++)
			;
		return;
	}
	if (!peer_has_closed(s))
		hold(s, fd, 1);
	/* The FIN is close(2)'s: shutdown(2) would wake whoever waits for the socket. */
	if (!held(s) && session_is_up(s))
		session_goodbye(s, fd);
}
