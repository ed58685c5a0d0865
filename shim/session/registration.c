/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors in epoll sets whose readers must not be woken too early. */
#include "shim/session/registration.h"

#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/real.h"
#include "shim/base/table.h"
#include "shim/session/block.h"
#include "shim/session/session.h"

#include <poll.h>
#include <pthread.h>

enum { MOST = 256, READABLE = EPOLLIN | EPOLLRDNORM };

static struct registration {
	int ep, fd;
	uint64_t entry;
	struct epoll_event event;
} list[MOST];
unsigned registration_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void registration_lock(void)
{
	guard_enter();
	pthread_mutex_lock(&lock);
}

void registration_unlock(void)
{
	pthread_mutex_unlock(&lock);
	guard_leave();
}

/* A reader that would wait, or one that would be woken for a handshake's bytes. */
static bool needs_care(int fd, uint64_t entry)
{
	return session_peek_state(entry) <= SESSION_HANDSHAKING || !kernel_nonblocking(fd);
}

void registration_note(int ep, int op, int fd, uint64_t entry, const struct epoll_event *event)
{
	bool wanted = op != EPOLL_CTL_DEL && needs_care(fd, entry);
	if (!wanted && !registration_any())
		return;
	registration_lock();
	unsigned kept = 0;
	for (unsigned i = 0; i < registration_count; i++)
		if ((list[i].ep != ep || list[i].fd != fd) &&
		    table_get(list[i].fd) == list[i].entry)
			list[kept++] = list[i];
	if (wanted && kept < MOST)
		list[kept++] = (struct registration){ep, fd, entry, *event};
	__atomic_store_n(&registration_count, kept, __ATOMIC_RELAXED);
	registration_unlock();
}

/*
 * Other descriptors may be registered with the same data; so the event is the session's only if
 * its socket is readable now and, half a record having been taken out, is not any more.
 */
static bool is_false_alarm(int ep, struct epoll_event *event)
{
	for (unsigned i = 0; i < registration_count; i++) {
		struct registration *r = &list[i];
		if (r->ep != ep || r->event.data.u64 != event->data.u64 ||
		    table_get(r->fd) != r->entry || !needs_care(r->fd, r->entry))
			continue;
		short said = (short)kernel_poll(r->fd, POLLIN);
		if (!(said & POLLIN) || (block_refine(r->fd, r->entry, POLLIN, said) & POLLIN))
			continue;
		event->events &= ~(uint32_t)READABLE;
		if (!event->events && (r->event.events & EPOLLONESHOT))
			real.epoll_ctl(ep, EPOLL_CTL_MOD, r->fd, &r->event);
		return event->events == 0;
	}
	return false;
}

int registration_filter(int ep, struct epoll_event *events, int found)
{
	if (found <= 0 || !registration_any())
		return found;
	int kept = 0;
	registration_lock();
	for (int i = 0; i < found; i++)
		if (!(events[i].events & READABLE) || !is_false_alarm(ep, &events[i]))
			events[kept++] = events[i];
	unsigned left = 0; /* most were handshakes, and are done */
	for (unsigned i = 0; i < registration_count; i++)
		if (table_get(list[i].fd) == list[i].entry && needs_care(list[i].fd, list[i].entry))
			list[left++] = list[i];
	__atomic_store_n(&registration_count, left, __ATOMIC_RELAXED);
	registration_unlock();
	return kept;
}
