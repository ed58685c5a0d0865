/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handshakes under way in this process. */
#ifndef SLEEVE_SESSION_PENDING_H
#define SLEEVE_SESSION_PENDING_H

#include "shim/base/process.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A program does not know that its connection is still shaking hands, so it may wait for
 * something else meanwhile: for room to write, for another socket, in a pool for nothing at
 * all.  Whoever waits in Sleeve therefore moves the unfinished handshakes of its own thread on,
 * and those of other threads that have written already and may now wait for something else.
 * They are few and short-lived; finished ones drop out when the list is next walked.
 *
 * Private to the process, any thread; a fork copies it.  No session's lock may be held.
 */
void pending_add(int fd, uint64_t entry);
/* The same for one that may be there already: ciphertext is left that the kernel did not take. */
void pending_keep(int fd, uint64_t entry);

extern unsigned pending_count; /* a hint */

static inline bool pending_any(void)
{
	return __builtin_expect(__atomic_load_n(&pending_count, __ATOMIC_RELAXED), 0) != 0 &&
	       !process_may_be_guest(); /* whose numbers may be others */
}

enum pending_scope {
	PENDING_ALL,
	/* Without accepted sockets that have not said anything: the program polls those. */
	PENDING_HIDDEN,
};

/* Fills set (at most size) with what those handshakes wait for and entries beside it;
 * ends those that are overdue; *deadline becomes the earliest of the others (CLOCK_MONOTONIC ns,
 * unchanged when there is none).  Returns how many. */
unsigned pending_collect(enum pending_scope scope, struct pollfd *set, uint64_t *entries,
                         unsigned size, int64_t *deadline);

/* Ends what is overdue, whichever thread it belongs to; cheap when nothing can be. */
void pending_expire(void);

/* Around fork. */
void pending_lock(void);
void pending_unlock(void);

#endif
