/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each descriptor number of this process names. */
#ifndef SLEEVE_BASE_TABLE_H
#define SLEEVE_BASE_TABLE_H

#include "shim/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One 64-bit word a number: private to the process (a fork copies it, as it copies the
 * descriptors), read without a lock by every call, written with one atomic store.
 *
 *   0                         nothing of ours: the call goes straight to libc
 *   pointer (low bit 0)       a TCP connection left in plaintext: its registry slot, for close
 *   TABLE_UNCONNECTED, _STREAM (bit 1) a TCP socket without a connection, which the number may
 *                             get by another name of the socket (life/unconnected.h)
 *   TABLE_CARRIED (bit 1)     a carrier's unix socket, whose carrier leaves reading to others until
 *                             this number is read from (life/carrier.h)
 *   slot and stamp (low bit 1) a session: its place in the arena and the stamp it had when the
 *                             entry was made.  A session whose stamp has moved on is not ours
 *                             any more, so a stale entry can never reach another's keys.
 *
 * Before table_init(), and in a program that has no rules, the table has no rows and everything
 * is "nothing of ours".
 */
extern uint64_t *table_rows;
extern unsigned table_size;

/* Reserves the rows (address space only; pages come with use).  False when it cannot: then there
 * are 1024, and a connection with a higher number that needs TLS is refused. */
bool table_init(void);

static inline uint64_t table_get(int fd)
{
	if ((unsigned)fd >= table_size)
		return 0;
	/* Whoever finds a session here, told of its number by epoll only, finds it complete. */
	return __atomic_load_n(&table_rows[fd], __ATOMIC_ACQUIRE);
}

/* The entry of fd if it is a session, else 0.  The hot path of every door. */
static inline uint64_t table_session(int fd)
{
	uint64_t entry = table_get(fd);
	return __builtin_expect(entry & 1, 0) ? entry : 0;
}

static inline uint64_t table_entry(uint32_t slot, uint32_t stamp)
{
	return (uint64_t)stamp << 32 | (uint64_t)slot << 1 | 1;
}

static inline uint32_t table_slot(uint64_t entry)
{
	return (uint32_t)entry >> 1;
}

static inline uint32_t table_stamp(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

/* Two entries that are no sessions but must not reach the kernel either. */
#define TABLE_OWN     table_entry(0x7ffffffe, 0) /* Sleeve's own descriptor: EBADF */
#define TABLE_REFUSED table_entry(0x7fffffff, 0) /* taken out of service: EIO */
#define TABLE_CLOSING table_entry(0x7ffffffd, 0) /* its close is under way */

#define TABLE_UNCONNECTED ((uint64_t)2)
#define TABLE_STREAM      ((uint64_t)6) /* and stdio has a stream on it */
#define TABLE_CARRIED     ((uint64_t)10)

static inline bool table_unconnected(uint64_t entry)
{
	return (entry & ~(uint64_t)4) == TABLE_UNCONNECTED;
}

/* Is it a session, rather than one of those? */
static inline bool table_is_session(uint64_t entry)
{
	return (entry & 1) && table_slot(entry) < ARENA_SLOTS;
}

/* Stores an entry and returns what stood there.  fd must be below table_size. */
uint64_t table_swap(int fd, uint64_t entry);

/* Puts `next` there only if it is still `entry`; true when this call did it. */
bool table_change(int fd, uint64_t entry, uint64_t next);

/* The same; *last: no other number of this process names the session any more. */
bool table_release(int fd, uint64_t entry, uint64_t next, bool *last);

/*
 * While a copy is made its session has one name more: a thread that closes the number meanwhile is
 * not the last.  False: it was.  The second: no number names it any more.
 */
bool table_pin(uint64_t entry);
bool table_unpin(uint64_t entry);

/* Before a fork, and what a number named then: to 0 <= fd < table_end(). */
void table_remember(void);
uint64_t table_remembered(int fd);

/* In a fork's child: threads that were in the middle of a change are not here. */
void table_forked(void);

/* How many numbers of this process name the session of this slot. */
unsigned table_names(uint32_t slot);

/* One more than the highest number that ever had an entry: bounds every walk. */
int table_end(void);

#endif
