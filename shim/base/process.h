/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process this is. */
#ifndef SLEEVE_BASE_PROCESS_H
#define SLEEVE_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The process this memory belongs to; set at start and by the child's side of fork(2). */
extern pid_t process_id;
void process_begin(void);

/* Was it forked into a pid namespace of its own (pid_namespaces(7))?  Then the pids by which
 * others know each other mean nothing to it, nor its own to them. */
extern bool process_elsewhere;

/*
 * What libc's fork sees to in the child, for one that libc is not told of: the id of its thread, by
 * which a lock knows its owner, and the thread's list of robust locks.  Noted in the parent; false
 * where the kernel does not tell (prctl(2), PR_GET_TID_ADDRESS).
 */
struct process_thread {
	int *id;
	struct robust_list_head *locks; /* get_robust_list(2) */
	size_t locks_size;
};
bool process_note_thread(struct process_thread *thread);
void process_renew_thread(const struct process_thread *thread);

/*
 * Is the caller another process that runs on this memory, a vfork(2) child?  Its descriptors are
 * its own, the table is not: what it closes or duplicates must not be noted.  A child with a
 * memory of its own that was made past our doors becomes an owner here, and sessions are out of
 * service in it.  Costs a getpid(2).
 */
bool process_is_guest(void);

/*
 * The same for the calls that move bytes, which must not cost one: no guest has something of its
 * own on a number of the table before it has ended what was there, and with that was found to be
 * one.  Its parent's thread, whose variables it has, stands still meanwhile.
 */
extern __thread bool process_had_guest;
static inline bool process_may_be_guest(void)
{
	return __builtin_expect(process_had_guest, 0) && process_is_guest();
}

/* Numbers from here on are for our own descriptors: high enough to be out of the program's way,
 * low enough not to make the kernel's table grow (proc(5), RLIMIT_NOFILE). */
int process_lowest_own(void);

#endif
