/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fork(2) means for sessions. */
#ifndef SLEEVE_LIFE_FORK_H
#define SLEEVE_LIFE_FORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Registers the handlers (pthread_atfork(3)); every fork of libc runs them, daemon(3) too. */
void fork_start(void);

/* clone(2) and its kin, called by syscall(2): what makes a child with a memory of its own is a fork
 * like any other. */
long fork_by_number(long number, const long *arguments);

/* No fork of libc or of ours begins in between, but of this thread's; nor is it interrupted or
 * cancelled (base/guard.h).  Nests. */
void fork_exclude(void);
void fork_admit(void);

/* A number of the session is about to be closed: not in the middle of a fork. */
void fork_await(uint64_t entry);

/*
 * A child that holds this one session and that nobody waits for: no SIGCHLD, nothing for wait(2),
 * and no handlers of the program's run (pthread_atfork(3)).  It starts in work(), on a stack of
 * 256 KiB, all signals blocked, and ends when that returns.  link and what it points to are
 * copied with the rest of memory.  Of descriptors it has never had any but `socket`, `other` (-1:
 * none), the root of the start (base/root.h) and the registry's, whose lock says that the family
 * lives.  Its pid, or -errno.  Works in a vfork child, too, and where the program has forbidden
 * itself to fork (limit.h).
 */
pid_t fork_hidden(uint64_t entry, int socket, int other, void (*work)(void *link), void *link);

/* Are there any that this process has as children of its own, being process 1 or a subreaper? */
bool fork_keeps_hidden(void);
/* Until these are gone, or the time has come (CLOCK_MONOTONIC ns). */
void fork_await_hidden(int64_t deadline);

#endif
