/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hidden children that carry a session when the program cannot do it itself. */
#ifndef SLEEVE_LIFE_CARRIER_H
#define SLEEVE_LIFE_CARRIER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A carrier is a process that holds the TCP socket and one end of a unix(7) stream socket, whose
 * other end takes the socket's numbers in the program: bytes then pass through libc, other images
 * and other processes in clear, and never leave the machine.  It relays until both sides are
 * done, outlives the program and drains.
 *
 * It is nobody's child for long: no SIGCHLD, nothing for wait(2).  (Where orphans go to the program
 * itself it is a child that only __WCLONE would tell of, until the next one is made; and if its
 * maker has ended or is another image by then, an orphan like any other.)  It is a session of its
 * own (setsid(2)), deaf to signals but SIGKILL, in "/", and keeps nothing of the program open.
 */

/* Where the program's arguments lie, which a carrier overwrites with its name. */
void carrier_start(int argc, char **argv);

/*
 * Before fd goes where our doors are not (`what`, for the log): true when it may, because it is no
 * session, or is carried now.  Then every number of this process that named the session is the unix
 * socket; file status and descriptor flags and time limits stay.  In a vfork child only fd is, and
 * only there.  False, with errno, after a line in the log: nothing has changed.
 */
bool carrier_wanted(int fd, const char *what);

/*
 * The same before fd is copied onto a number of a standard stream.  Where other processes hold the
 * session, and may read from it themselves (a shell's cat >&3), the carrier of a copy onto standard
 * output or error only writes: until it is the only holder, until there is a copy onto standard
 * input, or until the program reads, itself, from a number that the carrier stands behind.
 */
bool carrier_for_copy(int fd, int to);

/* Before a vfork child copies fd onto any other number, or clears its FD_CLOEXEC: no table has what
 * it does, and it is about to become another program. */
bool carrier_for_guest(int fd);

/* A session that a vfork child has made, and that no table has: false, with errno, ends it. */
bool carrier_for_guests_own(int fd, uint64_t entry);

/*
 * Before an exec that leaves fd open: it is handed on where no other process holds it, or it is
 * given (exec_give()).  Of what others hold, too, most programs only forget to close their copy: it
 * stays a session, for the caller to close.
 */
void carrier_for_exec(int fd, bool given);

/* fd, TABLE_CARRIED, is about to be read from.  Returns 0: nothing of ours. */
uint64_t carrier_read_from(int fd);

/*
 * For a connection that has just come to be: takes it over where it must not be inline, on the
 * number of a standard stream or under engine = "carrier".  False, with errno: it should, and
 * cannot be.
 */
bool carrier_if_due(int fd);

/*
 * For a connect(2) under way: a unix socket cannot say that it is not connected yet, or was
 * refused.  So under engine = "carrier" it has its carrier when it is connected and the program
 * asks what has become of it; or else before another process gets copies of what there is.
 */
void carrier_postpone(int fd);
bool carrier_if_connected(int fd);
void carrier_take_postponed(void);

/* With process 1 all others of its pid namespace end: before it does, it closes what its carriers
 * stand behind, and waits for them; 10 seconds at the most.  flushes: streams are flushed before;
 * where there are threads, standard output and error alone. */
void carrier_last_exit(bool flushes);

/*
 * Before an exec: holds the session until nobody is at the other end of this socket of a pair,
 * then drops it, says goodbye if it was the last, and closes the socket.  A byte from there says
 * that the exec has failed: then it just lets go.
 */
bool carrier_linger(int fd, uint64_t entry, int end);

/*
 * Carries the handshake and what was accepted but not sent to their end, and says goodbye; the
 * caller drops the session afterwards.  Of connections whose handshakes are not done and that were
 * accepted, or nothing was written to, 128 a process at a time; one too many ends as it is.  False:
 * there can be no carrier, the caller has to wait itself.
 */
bool carrier_drain(int fd, uint64_t entry);

#endif
