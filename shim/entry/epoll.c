/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the epoll family. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/session/pending.h"
#include "shim/session/registration.h"
#include "shim/session/session.h"


/* The first touch of a connection under way may find TCP ready for the ClientHello. */
DOOR int epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
	uint64_t entry = table_session(fd);
	if (!entry)
		return real.epoll_ctl(ep, op, fd, event);
	int saved = errno;
	struct session *s = NULL;
	if (session_peek_state(entry) <= SESSION_HANDSHAKING)
		s = session_enter_by(fd, entry);
	if (s) {
		session_advance(s, fd);
		session_leave(s);
	}
	errno = saved;
	/* Another thread may be told of it before this call returns. */
	if (op != EPOLL_CTL_DEL && event)
		registration_note(ep, op, fd, entry, event);
	int result = real.epoll_ctl(ep, op, fd, event);
	if (result == 0 && op == EPOLL_CTL_DEL)
		registration_note(ep, op, fd, entry, event);
	return result;
}

/*
 * Nothing is emulated: what the set reports is the kernel's word.  Only while handshakes are under
 * way do we wait for the set (which can itself be polled) and for them together.
 */
static int wait_beside(int ep, struct epoll_event *events, int count, int64_t deadline,
                       const sigset_t *mask)
{
	for (;;) {
		struct pollfd p = {.fd = ep, .events = POLLIN};
		int ready = block_poll(&p, 1, deadline, mask, true);
		if (ready < 0)
			return ready;
		int found = real.epoll_pwait(ep, events, count, 0, mask);
		found = registration_filter(ep, events, found);
		if (found || kernel_now() >= deadline)
			return found;
	}
}

/* Nothing to wait for, or no set: the kernel says so, at once. */
static bool is_mistake(int ep, int count)
{
	return ep < 0 || count <= 0 || table_session(ep);
}

/*
 * A wait that began before there was anything of ours may end with it.  True: it was all no news,
 * and the wait begins anew.
 */
static bool was_overtaken(int ep, struct epoll_event *events, int *found)
{
	if (*found <= 0 || !registration_any())
		return false;
	*found = registration_filter(ep, events, *found);
	return *found == 0;
}

DOOR int epoll_pwait(int ep, struct epoll_event *events, int count, int timeout,
                     const sigset_t *mask)
{
	if ((!pending_any() && !registration_any()) || is_mistake(ep, count)) {
		int found = real.epoll_pwait(ep, events, count, timeout, mask);
		if (!was_overtaken(ep, events, &found))
			return found;
	}
	int64_t deadline = timeout < 0 ? INT64_MAX : kernel_now() + timeout * 1000000LL;
	return wait_beside(ep, events, count, deadline, mask);
}

DOOR int epoll_wait(int ep, struct epoll_event *events, int count, int timeout)
{
	if (!pending_any() && !registration_any()) {
		int found = real.epoll_wait(ep, events, count, timeout);
		if (!was_overtaken(ep, events, &found))
			return found;
	}
	return epoll_pwait(ep, events, count, timeout, NULL);
}

DOOR int epoll_pwait2(int ep, struct epoll_event *events, int count, const struct timespec *timeout,
                      const sigset_t *mask)
{
	if (!real.epoll_pwait2)
		return (int)outcome_report(OUTCOME_ERRNO - ENOSYS, true);
	bool no_time = timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
	                           timeout->tv_nsec >= 1000000000);
	if ((!pending_any() && !registration_any()) || no_time || is_mistake(ep, count)) {
		int found = real.epoll_pwait2(ep, events, count, timeout, mask);
		if (!was_overtaken(ep, events, &found))
			return found;
	}
	int64_t deadline = INT64_MAX;
	if (timeout && timeout->tv_sec < 1000000000)
		deadline = kernel_now() + timeout->tv_sec * 1000000000LL + timeout->tv_nsec;
	return wait_beside(ep, events, count, deadline, mask);
}
