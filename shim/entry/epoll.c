/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the epoll family. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/session/pending.h"
#include "shim/session/session.h"

#include <pthread.h>

/*
 * A blocking descriptor in a set is rare, but its reader would hang on half a record.  Such
 * registrations are remembered, for an event carries the program's data and not the number, and
 * their events looked at again.  Nobody with O_NONBLOCK pays for it.
 */
enum { BLOCKING = 256 };

static struct {
	int ep, fd;
	uint64_t entry;
	struct epoll_event event;
} blocking[BLOCKING];
static unsigned blocking_count;
static pthread_mutex_t blocking_lock = PTHREAD_MUTEX_INITIALIZER;

static void remember(int ep, int op, int fd, uint64_t entry, const struct epoll_event *event)
{
	pthread_mutex_lock(&blocking_lock);
	unsigned kept = 0;
	for (unsigned i = 0; i < blocking_count; i++)
		if ((blocking[i].ep != ep || blocking[i].fd != fd) &&
		    table_get(blocking[i].fd) == blocking[i].entry)
			blocking[kept++] = blocking[i];
	if (op != EPOLL_CTL_DEL && kept < BLOCKING && !kernel_nonblocking(fd)) {
		blocking[kept].ep = ep;
		blocking[kept].fd = fd;
		blocking[kept].entry = entry;
		blocking[kept++].event = *event;
	}
	__atomic_store_n(&blocking_count, kept, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&blocking_lock);
}

/* The first touch of a connection under way may find TCP ready for the ClientHello. */
DOOR int epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
	uint64_t entry = table_session(fd);
	if (!entry)
		return real.epoll_ctl(ep, op, fd, event);
	int saved = errno;
	struct session *s = NULL;
	if (session_peek_state(entry) <= SESSION_HANDSHAKING)
		s = session_enter(entry);
	if (s) {
		session_advance(s, fd);
		session_leave(s);
	}
	errno = saved;
	int result = real.epoll_ctl(ep, op, fd, event);
	if (result == 0)
		remember(ep, op, fd, entry, event);
	return result;
}

/* Takes EPOLLIN back where a read would wait after all; true when nothing is left of the event. */
static bool is_false_alarm(int ep, struct epoll_event *event)
{
	bool nothing = false;
	pthread_mutex_lock(&blocking_lock);
	for (unsigned i = 0; i < blocking_count; i++) {
		int fd = blocking[i].fd;
		if (blocking[i].ep != ep || blocking[i].event.data.u64 != event->data.u64 ||
		    table_get(fd) != blocking[i].entry || kernel_nonblocking(fd))
			continue;
		short said = block_refine(fd, blocking[i].entry, POLLIN, POLLIN);
		if (said & POLLIN)
			break;
		event->events &= ~(uint32_t)(EPOLLIN | EPOLLRDNORM);
		nothing = event->events == 0;
		if (nothing && (blocking[i].event.events & EPOLLONESHOT))
			real.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &blocking[i].event);
		break;
	}
	pthread_mutex_unlock(&blocking_lock);
	return nothing;
}

static bool any_blocking(void)
{
	return __builtin_expect(__atomic_load_n(&blocking_count, __ATOMIC_RELAXED), 0) != 0;
}

static int without_false_alarms(int ep, struct epoll_event *events, int found)
{
	int kept = 0;
	for (int i = 0; i < found; i++)
		if (!(events[i].events & (EPOLLIN | EPOLLRDNORM)) ||
		    !is_false_alarm(ep, &events[i]))
			events[kept++] = events[i];
	return found > 0 ? kept : found;
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
		found = without_false_alarms(ep, events, found);
		if (found || kernel_now() >= deadline)
			return found;
	}
}

DOOR int epoll_pwait(int ep, struct epoll_event *events, int count, int timeout,
                     const sigset_t *mask)
{
	if (!pending_any() && !any_blocking())
		return real.epoll_pwait(ep, events, count, timeout, mask);
	int64_t deadline = timeout < 0 ? INT64_MAX : kernel_now() + timeout * 1000000LL;
	return wait_beside(ep, events, count, deadline, mask);
}

DOOR int epoll_wait(int ep, struct epoll_event *events, int count, int timeout)
{
	if (!pending_any() && !any_blocking())
		return real.epoll_wait(ep, events, count, timeout);
	return epoll_pwait(ep, events, count, timeout, NULL);
}

DOOR int epoll_pwait2(int ep, struct epoll_event *events, int count, const struct timespec *timeout,
                      const sigset_t *mask)
{
	if (!real.epoll_pwait2)
		return (int)outcome_report(OUTCOME_ERRNO - ENOSYS, true);
	if (!pending_any() && !any_blocking())
		return real.epoll_pwait2(ep, events, count, timeout, mask);
	int64_t deadline = INT64_MAX;
	if (timeout && timeout->tv_sec < 1000000000)
		deadline = kernel_now() + timeout->tv_sec * 1000000000LL + timeout->tv_nsec;
	return wait_beside(ep, events, count, deadline, mask);
}
