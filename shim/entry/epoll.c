/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the epoll family. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/life/interest.h"
#include "shim/session/pending.h"
#include "shim/session/registration.h"
#include "shim/session/session.h"

/* The first touch of a connection under way may find TCP ready for the ClientHello. */
DOOR int epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
	uint64_t entry = door_entry(fd);
	if (op == EPOLL_CTL_ADD && table_size)
		interest_note(ep);
	if (!(entry & 1))
		return interest_control(ep, op, fd, event);
	int saved = errno;
	struct session *s = NULL;
	if (session_peek_state(entry) <= SESSION_HANDSHAKING)
		s = session_enter_by(fd, entry);
	if (s) {
		session_advance(s, fd);
		session_leave(s);
	}
	errno = saved;
	return registration_control(ep, op, fd, entry, event);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* What the set has to tell now, if it is news. */
static int look(int ep, struct epoll_event *events, int count)
{
	int found, kept;
	do {
		found = real.epoll_wait(ep, events, count, 0);
		kept = registration_filter(ep, events, count, found);
	} while (found > 0 && !kept);
	return kept;
}

/* For those who always have something to do and never wait. */
static void move_handshakes(void)
{
	int saved = errno;
	if (pending_any())
		block_poll(NULL, 0, 0, NULL, true);
	errno = saved;
}

/*
 * Nothing is emulated: what the set reports is the kernel's word.  Only while handshakes are under
 * way do we wait for the set (which can itself be polled) and for them together.  A deadline below
 * 0 is a time that has not begun.
 */
static int wait_beside(int ep, struct epoll_event *events, int count, int64_t deadline,
                       const sigset_t *mask)
{
	if (deadline < 0)
		deadline = kernel_now() - deadline;
	for (;;) {
		struct pollfd p = {.fd = ep, .events = POLLIN};
		int found = look(ep, events, count);
		if (found || kernel_now() >= deadline) {
			move_handshakes();
			return found;
		}
		if (block_poll(&p, 1, deadline, mask, true) < 0)
			return -1;
	}
}

/*
 * Another thread may have made the first connection while this one waited: so what was found is
 * looked at afterwards, and how long to go on is known before, where there is anything of ours.
 */
static int64_t deadline_in(int64_t time)
{
	if (time < 0)
		return INT64_MAX;
	if (!time || !table_end())
		return -time;
	return kernel_now() + time;
}

static int finish(int ep, struct epoll_event *events, int count, int found, int64_t deadline,
                  const sigset_t *mask)
{
	int kept = table_end() ? registration_filter(ep, events, count, found) : found;
	return found > 0 && !kept ? wait_beside(ep, events, count, deadline, mask) : kept;
}

DOOR int epoll_wait(int ep, struct epoll_event *events, int count, int timeout)
{
	int64_t deadline = deadline_in(timeout * 1000000LL);
	if (pending_any())
		return wait_beside(ep, events, count, deadline, NULL);
	int found = real.epoll_wait(ep, events, count, timeout);
	return finish(ep, events, count, found, deadline, NULL);
}

DOOR int epoll_pwait(int ep, struct epoll_event *events, int count, int timeout,
                     const sigset_t *mask)
{
	int64_t deadline = deadline_in(timeout * 1000000LL);
	if (pending_any())
		return wait_beside(ep, events, count, deadline, mask);
	int found = real.epoll_pwait(ep, events, count, timeout, mask);
	return finish(ep, events, count, found, deadline, mask);
}

/* What the kernel would take; it says itself what is wrong with another. */
static bool is_time(const struct timespec *t)
{
	return (intptr_t)t >= 4096 && t->tv_sec >= 0 && (uint64_t)t->tv_nsec < 1000000000;
}

DOOR int epoll_pwait2(int ep, struct epoll_event *events, int count, const struct timespec *timeout,
                      const sigset_t *mask)
{
	if (!real.epoll_pwait2)
		return (int)outcome_report(OUTCOME_ERRNO - ENOSYS, true);
	if (timeout && !is_time(timeout))
		return real.epoll_pwait2(ep, events, count, timeout, mask);
	int64_t deadline = deadline_in(!timeout || timeout->tv_sec >= 1000000000 ? -1 :
	                               timeout->tv_sec * 1000000000LL + timeout->tv_nsec);
	if (pending_any())
		return wait_beside(ep, events, count, deadline, mask);
	int found = real.epoll_pwait2(ep, events, count, timeout, mask);
	return finish(ep, events, count, found, deadline, mask);
}
