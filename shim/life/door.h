/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all doors have in common. */
#ifndef SLEEVE_LIFE_DOOR_H
#define SLEEVE_LIFE_DOOR_H

#include "shim/base/process.h"
#include "shim/base/real.h"
#include "shim/base/table.h"
#include "shim/life/carrier.h"
#include "shim/life/descriptor.h"
#include "shim/life/unconnected.h"
#include "shim/session/block.h"
#include "shim/session/outcome.h"
#include "shim/session/pending.h"

#include <errno.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * A door looks its descriptor up; what is not ours goes straight to libc; the rest is put into
 * one form (a vector and flags) and dispatched.  `DOOR` marks what calls.def exports.
 */
#define DOOR __attribute__((visibility("default")))

/* readv(2): a vector of that many elements is refused, and the kernel does that itself. */
static inline bool door_takes(size_t count)
{
	return count <= UIO_MAXIOV;
}

/* preadv2(2): of these a socket heeds only RWF_NOWAIT; others are EOPNOTSUPP. */
enum { DOOR_RWF = RWF_NOWAIT | RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND };

/* What fd names, also in a vfork child, which may have put something else there. */
static inline uint64_t door_entry(int fd)
{
	uint64_t entry = table_get(fd);
	if (__builtin_expect(entry && process_may_be_guest(), 0))
		return descriptor_of_guest(fd, entry);
	return entry;
}

/* The session that fd names, by whatever name it was connected; 0: straight to libc. */
static inline uint64_t door_session(int fd)
{
	uint64_t entry = door_entry(fd);
	if (__builtin_expect(!(entry & 3), 1))
		return 0;
	if (entry & 1)
		return entry;
	return entry == TABLE_CARRIED ? carrier_read_from(fd) : unconnected_settle(fd);
}

/* The same for who is about to send: the mark where there is no connection, for
 * unconnected_refusal(). */
static inline uint64_t door_output(int fd)
{
	uint64_t entry = door_entry(fd);
	if (__builtin_expect(!table_unconnected(entry), 1))
		return entry & 1 ? entry : 0;
	uint64_t settled = unconnected_settle(fd);
	if (settled)
		return settled;
	entry = table_get(fd); /* another thread may have connected it meanwhile */
	return (entry & 1) || table_unconnected(entry) ? entry : 0;
}

/* Before libc's own call waits for fd: -1, with errno, where it has been interrupted already. */
static inline int door_beside(int fd, int flags)
{
	if (__builtin_expect(!pending_any(), 1) || (flags & MSG_DONTWAIT))
		return 0;
	return (int)outcome_report(block_beside(fd, false), true);
}

static inline ssize_t door_report(ssize_t outcome, bool no_signal)
{
	return outcome_report(outcome == OUTCOME_GONE ? OUTCOME_BAD_DESCRIPTOR : outcome,
	                      no_signal);
}

#endif
