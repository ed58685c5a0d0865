/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping the host's signals and cancellations out of a short stretch of ours. */
#ifndef SLEEVE_BASE_GUARD_H
#define SLEEVE_BASE_GUARD_H

/*
 * While one of the process's own locks is held (policy, names, handshakes; not a session's) no
 * handler may run in this thread: it could fork, or come in through another door, and wait for
 * the lock that it interrupts.  And nobody may cancel the thread there (pthreads(7)), for files
 * are opened and lines are written under them.  Nests; keeps errno.  Costs two system calls, so
 * it stands on no hot path.
 */
void guard_enter(void);
void guard_leave(void);

#endif
