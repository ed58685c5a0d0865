/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handshakes under way in this process. */
#include "shim/session/pending.h"

#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/reserve.h"
#include "shim/base/table.h"
#include "shim/session/session.h"

#include <pthread.h>
#include <sys/mman.h>

/* As many as there can be sessions; pages come with use. */
enum { MOST = 1 << 16, UNREACHED = 100000000 /* ns until all are looked at again */ };

struct handshake {
	uint64_t entry;
	pthread_t thread;
	int fd;
};

unsigned pending_count;
static struct handshake *list; /* pending_count of them, under the lock */
static int64_t soonest;        /* no deadline is earlier; under the lock, read as a hint */
static int64_t look_at_all;    /* not only at one's own; under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void pending_lock(void)
{
	guard_enter();
	pthread_mutex_lock(&lock);
}

void pending_unlock(void)
{
	pthread_mutex_unlock(&lock);
	guard_leave();
}

/* Under the lock. */
static void add(int fd, uint64_t entry)
{
	if (!list)
		list = reserve(MOST * sizeof *list, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!list || pending_count == MOST)
		return;
	list[pending_count] = (struct handshake){entry, pthread_self(), fd};
	__atomic_store_n(&pending_count, pending_count + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&soonest, 0, __ATOMIC_RELAXED);
}

void pending_add(int fd, uint64_t entry)
{
	pending_lock();
	add(fd, entry);
	pending_unlock();
}

void pending_keep(int fd, uint64_t entry)
{
	pending_lock();
	unsigned i = 0;
	while (i < pending_count && (list[i].fd != fd || list[i].entry != entry))
		i++;
	if (i < pending_count)
		list[i].thread = pthread_self();
	else
		add(fd, entry);
	pending_unlock();
}

static bool over(const struct handshake *h)
{
	return table_get(h->fd) != h->entry || !session_is_pending(h->entry);
}

/* The peer of a connect of ours.  Once it is, that is not asked again. */
static bool is_reached(struct session *s, int fd)
{
	bool unasked = s->state == SESSION_FRESH && s->peer.rule->side == POLICY_CONNECT;
	if (unasked && !s->reached)
		s->reached = kernel_connected(fd);
	return !unasked || s->reached;
}

/*
 * What the handshake waits for; 0: nothing that this scope would not leave to the program.  A
 * client speaks first, as soon as there is room.
 */
static short events_of(const struct session *s, enum pending_scope scope)
{
	bool connecting = s->peer.rule->side == POLICY_CONNECT;
	if (s->connecting)
		return 0;
	if (session_is_up(s))
		return POLLOUT; /* early bytes that the kernel had no room for */
	if (s->state == SESSION_FRESH && connecting)
		return POLLOUT;
	if (s->state == SESSION_FRESH && !connecting && scope == PENDING_HIDDEN && !s->early_end)
		return 0;
	return s->tail ? POLLIN | POLLOUT : POLLIN;
}

/* Written early, or not all sent: others may have to see to it. */
static bool has_words(uint64_t entry)
{
	const struct session *s = session_at(entry);
	return __atomic_load_n(&s->early_end, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&s->tail, __ATOMIC_RELAXED);
}

/*
 * The list's lock is taken before a session's, never the other way round.  A thousand threads that
 * wait for a peer each must not look at a thousand handshakes whenever they wake: at others' only
 * when a deadline has come, one more is in the list since, or one's time may have begun.
 */
unsigned pending_collect(enum pending_scope scope, struct pollfd *set, uint64_t *entries,
                         unsigned size, int64_t *deadline)
{
	unsigned found = 0, kept = 0;
	int64_t now = kernel_now(), earliest = INT64_MAX;
	pthread_t self = pthread_self();
	pending_lock();
	int64_t next = soonest, again = now < look_at_all ? look_at_all : INT64_MAX;
	for (unsigned i = 0; i < pending_count; i++) {
		struct handshake h = list[i];
		bool mine = pthread_equal(h.thread, self);
		if (!mine && now < look_at_all && now < next && !has_words(h.entry)) {
			earliest = next < earliest ? next : earliest;
			list[kept++] = h;
			continue;
		}
		struct session *s = over(&h) ? NULL : session_enter_by(h.fd, h.entry);
		if (!s)
			continue;
		bool reached = is_reached(s, h.fd);
		bool timed = reached && s->state <= SESSION_HANDSHAKING;
		if (now >= s->deadline && timed) {
			session_fail(s, h.fd, REGISTRY_HANDSHAKE_TIMEOUT);
			session_leave(s);
			continue;
		}
		if (timed && s->deadline < earliest)
			earliest = s->deadline;
		if (!reached) /* its time has not begun */
			again = now + UNREACHED;
		/* Half of the room at most for what others have written and do not wait for. */
		bool orphan = (s->early_end || s->tail) && now >= s->driven_until;
		unsigned room = mine ? size : orphan ? size / 2 : 0;
		short events = found < room ? events_of(s, scope) : 0;
		session_leave(s);
		list[kept++] = h;
		if (!events)
			continue;
		set[found] = (struct pollfd){.fd = h.fd, .events = events};
		entries[found++] = h.entry;
	}
	__atomic_store_n(&pending_count, kept, __ATOMIC_RELAXED);
	__atomic_store_n(&soonest, earliest, __ATOMIC_RELAXED);
	look_at_all = again;
	pending_unlock();
	if (earliest < *deadline)
		*deadline = earliest;
	return found;
}

void pending_expire(void)
{
	int64_t unused = INT64_MAX;
	if (pending_any() && kernel_now() >= __atomic_load_n(&soonest, __ATOMIC_RELAXED))
		pending_collect(PENDING_HIDDEN, NULL, NULL, 0, &unused);
}
