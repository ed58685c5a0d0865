/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors in epoll sets whose readers must not be woken too early. */
#include "shim/session/registration.h"

#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/real.h"
#include "shim/base/table.h"
#include "shim/session/block.h"
#include "shim/session/session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

enum { MOST = 256, READABLE = EPOLLIN | EPOLLRDNORM };

/*
 * An event carries the program's data, and others may have the same.  TCP tells EPOLLRDNORM
 * whenever it tells EPOLLIN, and hardly a program asks for it: so a set that is asked for it as
 * well says whose event it is, and by the time another thread has read what there was, that it is
 * none any more.
 */
enum { MARK = EPOLLRDNORM };

static struct registration {
	int ep, fd;
	uint64_t entry;
	struct epoll_event event; /* as the program wants it */
	bool marked;              /* until the program changes it */
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

static bool is_over(const struct registration *r)
{
	return table_get(r->fd) != r->entry;
}

/* epoll_ctl(2): EPOLLEXCLUSIVE takes no other bits. */
static bool may_be_marked(const struct registration *r)
{
	return (r->event.events & EPOLLIN) && !(r->event.events & (MARK | EPOLLEXCLUSIVE)) &&
	       !kernel_nonblocking(r->fd);
}

/* Arms it, too. */
static int ask(const struct registration *r, int op)
{
	struct epoll_event event = r->event;
	event.events |= r->marked ? MARK : 0;
	return real.epoll_ctl(r->ep, op, r->fd, &event);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void set_count(unsigned count)
{
	__atomic_store_n(&registration_count, count, __ATOMIC_RELAXED);
}

static void forget(struct registration *r)
{
	*r = list[registration_count - 1];
	set_count(registration_count - 1);
}

/* That of this descriptor in this set; those of closed ones go. */
static struct registration *find(int ep, int fd)
{
	struct registration *found = NULL;
	for (unsigned i = registration_count; i-- > 0;)
		if (is_over(&list[i]))
			forget(&list[i]);
	for (unsigned i = 0; i < registration_count; i++)
		if (list[i].ep == ep && list[i].fd == fd)
			found = &list[i];
	return found;
}

/* Whoever waits may be told before epoll_ctl(2) returns, so it is in the list before. */
static int note(struct registration *known, int op, struct registration wanted)
{
	struct registration before = known ? *known : wanted;
	struct registration *r = known ? known : &list[registration_count];
	if (!known && registration_count == MOST)
		return ask(&wanted, op);
	int saved = errno;
	wanted.marked = may_be_marked(&wanted);
	errno = saved;
	*r = wanted;
	set_count(registration_count + !known);
	int result = ask(r, op);
	if (result < 0 && known)
		*known = before;
	else if (result < 0)
		forget(r);
	return result;
}

int registration_control(int ep, int op, int fd, uint64_t entry, struct epoll_event *event)
{
	bool wanted = (op == EPOLL_CTL_ADD || op == EPOLL_CTL_MOD) && (uintptr_t)event >= 4096 &&
	              needs_care(fd, entry);
	if (!wanted && !registration_any())
		return real.epoll_ctl(ep, op, fd, event);
	registration_lock();
	struct registration *known = find(ep, fd);
	int result = wanted ? note(known, op, (struct registration){ep, fd, entry, *event, false})
	                    : real.epoll_ctl(ep, op, fd, event);
	if (result == 0 && !wanted && known)
		forget(known);
	registration_unlock();
	return result;
}

/* ---- events ---------------------------------------------------------------------------------- */

/*
 * Is there nothing to read?  An event without a mark may be another's with the same data: so it
 * counts only if the socket is readable now and, half a record having been taken out, is not any
 * more.  A reader that does not block bears the difference.
 */
static bool is_false(const struct registration *r)
{
	if (!needs_care(r->fd, r->entry))
		return false;
	short said = (short)kernel_poll(r->fd, POLLIN);
	if (!(said & POLLIN))
		return r->marked;
	return !(block_refine(r->fd, r->entry, POLLIN, said) & POLLIN);
}

/* True when nothing is left of the event. */
static bool is_false_alarm(int ep, struct epoll_event *event)
{
	const struct registration *alarm = NULL;
	bool marked = false, news = false;
	for (unsigned i = 0; i < registration_count; i++) {
		const struct registration *r = &list[i];
		if (r->ep != ep || r->event.data.u64 != event->data.u64 || is_over(r) ||
		    (r->marked && !(event->events & MARK)))
			continue;
		marked |= r->marked;
		if (is_false(r))
			alarm = r;
		else
			news |= r->marked;
	}
	if (marked)
		event->events &= ~(uint32_t)MARK;
	if (!alarm || news)
		return false;
	event->events &= ~(uint32_t)READABLE;
	if (!event->events && (alarm->event.events & EPOLLONESHOT))
		ask(alarm, EPOLL_CTL_MOD);
	return event->events == 0;
}

int registration_filter(int ep, struct epoll_event *events, int found)
{
	if (found <= 0 || !registration_any())
		return found;
	int kept = 0, saved = errno;
	registration_lock();
	for (int i = 0; i < found; i++)
		if (!(events[i].events & READABLE) || !is_false_alarm(ep, &events[i]))
			events[kept++] = events[i];
	for (unsigned i = registration_count; i-- > 0;) /* most were handshakes, and are done */
		if (is_over(&list[i]) ||
		    (!list[i].marked && !needs_care(list[i].fd, list[i].entry)))
			forget(&list[i]);
	registration_unlock();
	errno = saved;
	return kept;
}
