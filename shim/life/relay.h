/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A carrier's work: bytes between a session and a unix socket. */
#ifndef SLEEVE_LIFE_RELAY_H
#define SLEEVE_LIFE_RELAY_H

#include "shim/base/arena.h"
#include "shim/base/table.h"
#include "shim/session/session.h"

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

/*
 * What a program has written to a carrier before it ended comes before what its parent, which has
 * waited for it, writes, and before the end that this shuts.  So whoever writes past the carriers
 * of a session lets them pass on first what they have been given until now; with O_NONBLOCK only
 * for a moment, longer where it `ends`, for then it would be lost.  A carrier is enrolled before it
 * is there; -1: there are too many, and nobody waits for this one.  Keep errno.
 */
int relay_enroll(uint64_t entry);
void relay_dismiss(uint64_t entry, int relay);
void relay_await_others(int fd, uint64_t entry, bool ends);
static inline void relay_await(int fd, uint64_t entry, bool ends)
{
	if ((entry & 1) && table_slot(entry) < ARENA_SLOTS &&
	    __builtin_expect(__atomic_load_n(&session_at(entry)->relays, __ATOMIC_RELAXED), 0))
		relay_await_others(fd, entry, ends);
}

/* leaves: what comes is left to the other holders, see session_leaves_reading(). */
void relay_run(int tcp, uint64_t entry, int host, int relay, bool leaves);

/* Waits until what was accepted has left, says goodbye, and closes. */
void relay_end(int tcp, uint64_t entry);

#endif
