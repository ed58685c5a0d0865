/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The functions we stand in front of. */
#ifndef SLEEVE_BASE_REAL_H
#define SLEEVE_BASE_REAL_H

#include <aio.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * One pointer a line of calls.def: the next definition of that name in the search order (glibc's,
 * or that of another preloaded library).  `real.read(fd, buffer, size)` is the call as it would
 * be without us: it sets errno and is a cancellation point as usual.
 *
 * All are resolved at once, by the constructor or by whoever needs the first one earlier, so
 * nothing is resolved on a hot path.  A name this libc does not have stays NULL; only calls newer
 * than the oldest glibc supported can be: preadv64v2, pwritev64v2, epoll_pwait2, close_range,
 * closefrom, execveat, pidfd_getfd, _Fork, pidfd_spawn and pidfd_spawnp, and their doors answer
 * ENOSYS or do the work by hand.
 */
struct real_calls {
#define CALL(name, family, result, parameters, arguments) result(*name) parameters;
#define VCALL(name, family, result, parameters) result(*name) parameters;
#define VOIDCALL(name, family, parameters, arguments) void(*name) parameters;
#include "shim/calls.def"
#undef CALL
#undef VCALL
#undef VOIDCALL
};

extern struct real_calls real_calls;

/* Fills the table; may be called at any time, by several threads at once. */
void real_resolve(void);

static inline struct real_calls *real_table(void)
{
	if (__builtin_expect(!__atomic_load_n(&real_calls.read, __ATOMIC_RELAXED), 0))
		real_resolve();
	return &real_calls;
}

#define real (*real_table())

/*
 * Is the caller libc, or a library that stands before libc and has some of the real functions?  Its
 * dup may be a syscall(SYS_dup): through a door, that would come back to it without end.
 */
bool real_is_behind(const void *caller);
void real_look_behind(void); /* once, at start */

#endif
