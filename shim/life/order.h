/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who writes past the carriers of a session comes behind what they were given before. */
#ifndef SLEEVE_LIFE_ORDER_H
#define SLEEVE_LIFE_ORDER_H

#include "shim/base/table.h"
#include "shim/session/session.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What a program has written to a carrier before it ended comes before what its parent, which has
 * waited for it, writes, and before the end that this shuts: in one socket it would.  So whoever
 * writes past the carriers of a session lets them pass on first what they have been given until
 * now; with O_NONBLOCK only for a moment, longer where it `ends`, for then it would be lost.  All
 * keep errno.
 */
void order_await_others(int fd, uint64_t entry, bool ends);
static inline void order_await(int fd, uint64_t entry, bool ends)
{
	if (table_is_session(entry) &&
	    __builtin_expect(__atomic_load_n(&session_at(entry)->relays, __ATOMIC_RELAXED), 0))
		order_await_others(fd, entry, ends);
}

/* A carrier's place among those of a session, taken before it is there; -1: there are too many, and
 * nobody waits for this one. */
int order_enroll(uint64_t entry);
void order_dismiss(uint64_t entry, int place);

/* In the carrier: is there; returns the last question that is none of its own.  The latest; and
 * what it had in hand when it heard that has left.  False: not now. */
uint8_t order_begin(uint64_t entry, int place);
uint8_t order_asked(uint64_t entry);
bool order_answer(uint64_t entry, int place, uint8_t question);

#endif
