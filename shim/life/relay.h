/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A carrier's work: bytes between a session and a unix socket. */
#ifndef SLEEVE_LIFE_RELAY_H
#define SLEEVE_LIFE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Runs until both directions have ended or one has broken; then the session has been dropped and
 * both descriptors are closed.  Both ends, half-closes, resets included, become the other side's:
 * end of file, EPIPE and ECONNRESET.
 *
 * host: RELAY_TOKEN bytes, which nobody wrote, lie in it unread already.  A unix socket tells its
 * peer of a reset only if something is left unread at close; so this side always leaves one byte
 * that it has already passed on.
 */
enum { RELAY_TOKEN = 1 };

/*
 * The same byte keeps the message that it is the end of in the program's account, 64 KiB or more of
 * them where sendfile(2) wrote it; and a unix socket is writable only with less than a quarter of
 * SO_SNDBUF taken.  So the program's end gets more than the usual room, and keeps it whatever the
 * program sets.  Keeps errno.
 */
void relay_make_room(int end);

/* place: see order_enroll(); leaves: what comes is left to the other holders, see
 * session_leaves_reading(). */
void relay_run(int tcp, uint64_t entry, int host, int place, bool leaves);

/* Waits until what was accepted has left, says goodbye, and closes. */
void relay_end(int tcp, uint64_t entry);

#endif
