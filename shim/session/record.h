/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records between the kernel and TLS: how the kernel's readiness stays true of the plaintext. */
#ifndef SLEEVE_SESSION_RECORD_H
#define SLEEVE_SESSION_RECORD_H

#include "shim/session/session.h"
#include "shim/session/vector.h"

/*
 * The token rule: a session never holds deliverable plaintext unless at least one byte of its
 * record is still unread in the kernel.  So whatever the program asks, poll, select, epoll of
 * any kind, another process, gives the right answer, and nothing has to be emulated.
 *
 * With the lock held, in an open session.  Counts are plaintext bytes.
 */

/*
 * Fills dst with what is there, up to size bytes; a count below size means that the kernel had
 * no more at that moment ("a short read means drained").  OUTCOME_END, OUTCOME_AGAIN,
 * OUTCOME_GONE, or OUTCOME_RESET: s->kernel_error may say more.
 */
ssize_t record_read(struct session *s, int fd, uint8_t *dst, size_t size);

/* The same without taking anything (MSG_PEEK); RECORD_PEEKED bytes at the most, because a caller
 * may peek with a huge buffer and the region is not endless. */
enum { RECORD_PEEKED = 4 * TLS_PLAIN };
ssize_t record_peek(struct session *s, int fd, uint8_t *dst, size_t size);

/* Is there anything to read, be it the end or an error?  Takes half a record out of the kernel, so
 * that it is not "readable" any more. */
bool record_readable(struct session *s, int fd);

/* The kernel has told an error: the session has failed, or is GONE, or it was EAGAIN. */
ssize_t record_failed(struct session *s, int fd, int error);

/* Bytes that can be read at once (FIONREAD). */
size_t record_available(struct session *s, int fd);

/*
 * Encrypts the next size bytes and hands to the kernel as much as it takes; a count below size
 * means that its buffer is full and that it will report EPOLLOUT, as an edge too.  flags: MSG_MORE.
 * OUTCOME_AGAIN, OUTCOME_PIPE, or OUTCOME_RESET: s->kernel_error may say more.
 */
ssize_t record_write(struct session *s, int fd, struct vector v, size_t size, int flags);

/* How much plaintext the kernel has room for now; 0: none, and it will report EPOLLOUT. */
size_t record_room(struct session *s, int fd, size_t size);

/* Sends what is in io->out behind what is waiting already; what the kernel does not take waits. */
void record_send(struct session *s, int fd, struct tls_io *io, int flags);

/* The same for the handshake's, which leaves at once whatever TCP_CORK and TCP_NODELAY say. */
void record_send_flight(struct session *s, int fd, struct tls_io *io);

/* Bytes that were written and that the other end has not acknowledged, or those that have not been
 * sent (tcp(7), SIOCOUTQ and SIOCOUTQNSD). */
size_t record_queued(struct session *s, int fd, bool unsent);

/* Sends what waits.  True when nothing does any more. */
bool record_flush(struct session *s, int fd);

/* Before the last close: says goodbye, takes out of the kernel what is not application data, so
 * that only unread application data makes the close a reset. */
void record_farewell(struct session *s, int fd);

#endif
