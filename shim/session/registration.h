/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors in epoll sets whose waiters must not be woken too early. */
#ifndef SLEEVE_SESSION_REGISTRATION_H
#define SLEEVE_SESSION_REGISTRATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/*
 * A blocking descriptor in a set is rare, but its reader would hang on half a record; and bytes of
 * a handshake are no news to anybody.  Such registrations are remembered as long as that is so,
 * for an event carries the program's data and not the number, and their events looked at again.
 * So are those of a program that takes one event at a time and no edges: it may take EAGAIN behind
 * one for an error.  For others an open session with O_NONBLOCK pays nothing.  Up to 256 a process;
 * a fork copies them.
 *
 * Before the handshake is done there is room for SESSION_EARLY bytes, and the kernel's level, which
 * knows nothing of that, would wake who waits for more again and again.  Meanwhile the set is asked
 * for edges instead: the end of the handshake is one.
 *
 * Such sets are asked for EPOLLRDNORM and EPOLLWRNORM, too (epoll_ctl(2)), which are not passed on
 * beside EPOLLIN and EPOLLOUT, unless the program has asked for one of them on a session.
 *
 * Any thread, with no session's lock held.
 */

/* epoll_ctl(2) on a session. */
int registration_control(int ep, int op, int fd, uint64_t entry, struct epoll_event *event);

extern unsigned registration_count; /* a hint */

static inline bool registration_any(void)
{
	return __builtin_expect(__atomic_load_n(&registration_count, __ATOMIC_RELAXED), 0) != 0;
}

/*
 * Takes out of `found` events, where `count` were asked for, those that a read would wait after, or
 * that the set will tell again; returns how many are left.  None: ask the set again.
 */
int registration_filter(int ep, struct epoll_event *events, int count, int found);

/* fd is about to leave the set: *event, which that has, becomes as the program asked for it. */
void registration_ended(int ep, int fd, uint64_t entry, struct epoll_event *event);

/* Around fork. */
void registration_lock(void);
void registration_unlock(void);

#endif
