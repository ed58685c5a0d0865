/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptor numbers coming and going. */
#ifndef SLEEVE_LIFE_DESCRIPTOR_H
#define SLEEVE_LIFE_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Every door that makes or ends a number goes through these, so that the table stays true.  All
 * keep errno.  In a guest (vfork child) they do nothing, for its numbers are not this table's, but
 * that a copy of a session is closed by its exec, which will not find it.
 */

/* The kernel has just handed out fd: what the table still says of it is stale. */
void descriptor_created(int fd);

/*
 * What a copy of fd, which is about to be made, will name; 0: nothing of ours.  Then `to` is that
 * copy, and the copying is over; in between another thread may close fd.
 */
uint64_t descriptor_copying(int fd);
void descriptor_copied(uint64_t entry, int to);
void descriptor_copying_ended(uint64_t entry);

/* Is it the session's socket, or one that may be the refused?  A guest may have put something else
 * where the table has that. */
bool descriptor_is(int fd, uint64_t entry);

/* What fd, of which the table says `entry`, is in a guest: that, or nothing of ours. */
uint64_t descriptor_of_guest(int fd, uint64_t entry);

/* fd is about to be closed or overwritten.  False: it is one of our own, or out of service, and
 * the program has to be told EBADF. */
bool descriptor_ending(int fd);

/* And has been closed. */
void descriptor_ended(int fd);

/* A carrier's socket is about to be put on fd, and has been: nobody closes it meanwhile.  Between
 * fork_exclude() and fork_admit() only.  False: fd does not name the session any more. */
bool descriptor_replacing(int fd, uint64_t entry);
void descriptor_replaced(int fd);
/* In a fork's child: who was about to is not here. */
void descriptor_forked(void);

/* Ending and ended for every number from first to last; our own are left open.  closing(a, b) is
 * called for each stretch in between. */
void descriptor_range_ending(unsigned first, unsigned last, void (*closing)(unsigned, unsigned));

/* A call found session `entry` gone.  True when the number means something else by now (it was
 * closed, perhaps unseen by us, and used again): look it up once more. */
bool descriptor_settled(int fd, uint64_t entry);

/* Ends all sessions that nobody else holds; the process is about to end.  Their numbers stay
 * out of service: other threads, and destructors that run later, may still write. */
void descriptor_all_ending(void);

/* Our door; libc has it, and says so in <sys/pidfd.h>, since glibc 2.36. */
int pidfd_getfd(int process, int number, unsigned int flags);

/* Marks our own descriptors so that no door touches them. */
void descriptor_guard_own(bool (*owns)(int fd), int lowest);

#endif
