/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors in epoll sets whose waiters must not be woken too early. */
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
 * An event carries the program's data, and others may have the same.  TCP tells these whenever it
 * tells EPOLLIN and EPOLLOUT, and hardly a program asks for them: so a set that is asked for them
 * as well says whose event it is, and by the time another thread has read what there was, that it
 * is none any more.
 */
enum { MARK = EPOLLRDNORM, MARK_HELD = EPOLLWRNORM };
static bool program_asks; /* for these, and is told */

static struct registration {
	int ep, fd;
	uint64_t entry;
	struct epoll_event event; /* as the program wants it */
	bool marked;              /* until the program changes it */
	bool held, was_held;
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

static int most_asked; /* events in one call; 0: none has been told yet */

static int asked(void)
{
	return __atomic_load_n(&most_asked, __ATOMIC_RELAXED);
}

/*
 * Who takes one event at a time, and a level, reads what it was told of and asks again; some take
 * EAGAIN in between for an error (Samba's clients).  A look at each costs them little.
 */
static bool takes_one(uint32_t events)
{
	return asked() <= 1 && !(events & EPOLLET);
}

/* A reader that would wait or trusts its event, or one that would be woken for a handshake's
 * bytes. */
static bool needs_care(int fd, uint64_t entry, uint32_t events)
{
	return session_peek_state(entry) <= SESSION_HANDSHAKING || takes_one(events) ||
	       !kernel_nonblocking(fd);
}

static bool is_named(const struct registration *r)
{
	return table_get(r->fd) == r->entry;
}

/* epoll(7): a closed number stays in the set as long as there is a copy of it.  -1: none. */
static int name_of(const struct registration *r)
{
	if (is_named(r))
		return r->fd;
	for (int fd = 0; fd < table_end(); fd++)
		if (table_get(fd) == r->entry)
			return fd;
	return -1;
}

/* epoll_ctl(2): EPOLLEXCLUSIVE takes no other bits. */
static bool may_be_marked(const struct registration *r)
{
	return (r->event.events & EPOLLIN) && !(r->event.events & (MARK | EPOLLEXCLUSIVE)) &&
	       ((asked() && takes_one(r->event.events)) || !kernel_nonblocking(r->fd));
}

/*
 * A handshake has room for SESSION_EARLY bytes.  The kernel, which has not been given one of them,
 * goes on to say that the socket is writable: who waits for room would be woken again and again.
 */
static bool is_full(const struct registration *r)
{
	if (!(r->event.events & EPOLLOUT) || (r->event.events & (EPOLLEXCLUSIVE | MARK_HELD)) ||
	    session_peek_state(r->entry) > SESSION_HANDSHAKING)
		return false;
	int fd = name_of(r);
	struct session *s = session_enter_by(fd, r->entry);
	if (!s)
		return false;
	session_advance(s, fd);
	bool full = s->state <= SESSION_HANDSHAKING && s->early_end == SESSION_EARLY;
	s->early_blocked |= full;
	session_leave(s);
	return full;
}

/*
 * Arms it, too; what there is to tell, the set tells anew.  A held one is asked for its edges, all
 * of them, for the kernel sees room at once, and the end of the handshake is one.
 */
static int ask(struct registration *r, int op)
{
	struct epoll_event event = r->event;
	event.events |= r->marked ? MARK : 0;
	if (r->held)
		event.events = (event.events & ~(uint32_t)EPOLLONESHOT) | EPOLLET | MARK_HELD;
	r->was_held |= r->held;
	return real.epoll_ctl(r->ep, op, r->fd, &event);
}

static bool ask_anew(struct registration *r)
{
	return is_named(r) && ask(r, EPOLL_CTL_MOD) == 0;
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
		if (name_of(&list[i]) < 0)
			forget(&list[i]);
	for (unsigned i = 0; i < registration_count; i++)
		if (list[i].ep == ep && list[i].fd == fd && is_named(&list[i]))
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
	if (wanted.event.events & (MARK | MARK_HELD))
		__atomic_store_n(&program_asks, true, __ATOMIC_RELAXED);
	wanted.marked = may_be_marked(&wanted);
	wanted.held = is_full(&wanted);
	wanted.was_held = before.was_held;
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
	              needs_care(fd, entry, event->events);
	if (!wanted && !registration_any())
		return real.epoll_ctl(ep, op, fd, event);
	registration_lock();
	struct registration *known = find(ep, fd), fresh = {.ep = ep, .fd = fd, .entry = entry};
	int result;
	if (wanted) {
		fresh.event = *event;
		result = note(known, op, fresh);
	} else {
		result = real.epoll_ctl(ep, op, fd, event);
		if (result == 0 && known)
			forget(known);
	}
	registration_unlock();
	return result;
}

void registration_ended(int ep, int fd, uint64_t entry, struct epoll_event *event)
{
	registration_lock();
	for (unsigned i = registration_count; i-- > 0;) {
		struct registration *r = &list[i];
		if (r->ep != ep || r->fd != fd || r->entry != entry)
			continue;
		*event = r->event;
		forget(r);
	}
	registration_unlock();
}

/* ---- events ---------------------------------------------------------------------------------- */

/*
 * Is there nothing to read?  An event without a mark may be another's with the same data: so it
 * counts only if the socket is readable now and, half a record having been taken out, is not any
 * more.  Most readers that do not block bear the difference.
 */
static bool is_false(const struct registration *r)
{
	int fd = name_of(r);
	if (!needs_care(fd, r->entry, r->event.events))
		return false;
	short said = (short)kernel_poll(fd, POLLIN);
	if (!(said & POLLIN))
		return r->marked;
	return !(block_refine(fd, r->entry, POLLIN, said) & POLLIN);
}

static bool may_be(const struct registration *r, int ep, const struct epoll_event *event)
{
	return r->ep == ep && r->event.data.u64 == event->data.u64 && name_of(r) >= 0;
}

/*
 * The event of a held one, or of one that was held when another thread was given it, is none: as
 * soon as there is room, the set is asked as the program wants it, and tells.
 */
static bool is_held(int ep, const struct epoll_event *event)
{
	bool found = false;
	for (unsigned i = 0; (event->events & MARK_HELD) && i < registration_count; i++) {
		struct registration *r = &list[i];
		if (!may_be(r, ep, event) || !r->was_held)
			continue;
		if (r->held && !is_full(r)) {
			r->held = false;
			r->was_held = ask_anew(r);
		}
		found |= r->was_held;
	}
	return found;
}

/* A level that the program will fill up.  What is told once is the program's to arm. */
static void hold_full(int ep, const struct epoll_event *event)
{
	enum { ONCE = EPOLLONESHOT | EPOLLET };
	for (unsigned i = 0; (event->events & EPOLLOUT) && i < registration_count; i++) {
		struct registration *r = &list[i];
		if (!may_be(r, ep, event) || (r->event.events & ONCE) || !is_full(r))
			continue;
		r->held = is_named(r);
		ask_anew(r);
	}
}

/* True when nothing is left of the event. */
static bool is_false_alarm(int ep, struct epoll_event *event)
{
	struct registration *alarm = NULL;
	bool news = false;
	for (unsigned i = 0; i < registration_count; i++) {
		struct registration *r = &list[i];
		if (!may_be(r, ep, event) || (r->marked && !(event->events & MARK)))
			continue;
		if (is_false(r))
			alarm = r;
		else
			news |= r->marked;
	}
	if (!alarm || news)
		return false;
	event->events &= ~(uint32_t)READABLE;
	if (!event->events && (alarm->event.events & EPOLLONESHOT))
		ask_anew(alarm);
	return event->events == 0;
}

static bool is_news(int ep, struct epoll_event *event)
{
	if (is_held(ep, event) || ((event->events & READABLE) && is_false_alarm(ep, event)))
		return false;
	hold_full(ep, event);
	return true;
}

static bool is_needed(const struct registration *r)
{
	int fd = name_of(r);
	return fd >= 0 && (r->marked || r->was_held || needs_care(fd, r->entry, r->event.events));
}

static int keep_news(int ep, struct epoll_event *events, int found)
{
	int kept = 0, saved = errno;
	registration_lock();
	for (int i = 0; i < found; i++)
		if (is_news(ep, &events[i]))
			events[kept++] = events[i];
	for (unsigned i = registration_count; i-- > 0;) /* most were handshakes, and are done */
		if (!is_needed(&list[i]))
			forget(&list[i]);
	registration_unlock();
	errno = saved;
	return kept;
}

/* Also in a process that has the set by a fork, and not the registration. */
static void unmark(struct epoll_event *event)
{
	if (event->events & EPOLLIN)
		event->events &= ~(uint32_t)MARK;
	if (event->events & EPOLLOUT)
		event->events &= ~(uint32_t)MARK_HELD;
}

int registration_filter(int ep, struct epoll_event *events, int count, int found)
{
	if (found > 0 && count > asked())
		__atomic_store_n(&most_asked, count, __ATOMIC_RELAXED);
	if (found > 0 && registration_any())
		found = keep_news(ep, events, found);
	for (int i = 0; i < found && !__atomic_load_n(&program_asks, __ATOMIC_RELAXED); i++)
		unmark(&events[i]);
	return found;
}
