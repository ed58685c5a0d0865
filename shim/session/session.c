/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One sleeved connection: its states, its lock, its birth. */
#include "shim/session/session.h"

#include "shim/base/arena.h"
#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/base/scratch.h"
#include "shim/base/table.h"
#include "shim/session/pending.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct session) <= ARENA_SLOT, "a session fits its slot");

/* ---- states --------------------------------------------------------------------------------- */

static const char *const names[] = {
#define X(name, text) [SESSION_##name] = text,
	SESSION_STATES(X)
#undef X
};

/*
 * The life of a session.  An event that has no place in a row is a mistake of ours, and a
 * mistake fails the session rather than let a byte pass in the wrong state.
 */
#define NO SESSION_FAILED
static const uint8_t next_state[SESSION_STATE_COUNT][SESSION_EVENT_COUNT] = {
	/* BEGIN, FINISHED, WE_CLOSE, PEER_CLOSES, BREAKS. */
	[SESSION_FRESH]       = {SESSION_HANDSHAKING, NO, NO, NO, SESSION_FAILED},
	[SESSION_HANDSHAKING] = {NO, SESSION_OPEN, NO, NO, SESSION_FAILED},
	[SESSION_OPEN]        = {NO, NO, SESSION_SHUT_WRITE, SESSION_SHUT_READ, SESSION_FAILED},
	[SESSION_SHUT_WRITE]  = {NO, NO, SESSION_SHUT_WRITE, SESSION_CLOSED, SESSION_FAILED},
	[SESSION_SHUT_READ]   = {NO, NO, SESSION_CLOSED, SESSION_SHUT_READ, SESSION_FAILED},
	[SESSION_CLOSED]      = {NO, NO, SESSION_CLOSED, SESSION_CLOSED, SESSION_FAILED},
	[SESSION_FAILED]      = {NO, NO, NO, NO, SESSION_FAILED},
};
#undef NO

const char *session_state_name(enum session_state state)
{
	return names[state];
}

void session_move(struct session *s, enum session_event event)
{
	bool waited_for = s->state == SESSION_HANDSHAKING;
	__atomic_store_n(&s->state, next_state[s->state][event], __ATOMIC_RELEASE);
	if (waited_for) {
		s->turn++;
		kernel_wake(&s->turn);
	}
	registry_state(s->registry, names[s->state]);
}

enum session_state session_peek_state(uint64_t entry)
{
	if (table_slot(entry) >= ARENA_SLOTS)
		return SESSION_FAILED;
	struct session *s = arena_slot(table_slot(entry));
	return (enum session_state)__atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
}

bool session_is_pending(uint64_t entry)
{
	struct session *s = arena_slot(table_slot(entry));
	return session_peek_state(entry) <= SESSION_HANDSHAKING ||
	       __atomic_load_n(&s->tail, __ATOMIC_RELAXED);
}

/* ---- the lock -------------------------------------------------------------------------------- */

/*
 * Robust and shared: where a process died in the middle, what it was doing to the keys and
 * sequence numbers is unknown, so the session ends.  Its region may be in any state and is not
 * walked again.  Error-checking: a signal handler that interrupts us in the middle and comes
 * back to the same session gets an error instead of waiting for itself.
 */
static void lock_init(struct session *s)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&s->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	__atomic_store_n(&s->lock_ready, true, __ATOMIC_RELEASE);
}

static void poison(struct session *s, const char *what)
{
	s->tls = NULL;
	s->held_at = s->held_end = s->tail_at = s->tail_end = 0;
	s->held = s->part = s->early = NULL;
	session_set_tail(s, NULL);
	s->reason = REGISTRY_HOLDER_DIED;
	session_move(s, SESSION_BREAKS);
	s->poisoned = true;
	registry_verdict(s->registry, REGISTRY_REFUSED, REGISTRY_HOLDER_DIED);
	log_say(LOG_LEVEL_ERROR, "session %u: %s while it used the session; the connection is "
	        "reset", s->slot, what);
}

/* The sessions this thread is in: a handler may have entered another. */
static __thread struct session *inside;

/* Without holders it is not there yet, or not any more, and what it points to is another's. */
static bool locked(struct session *s, int error)
{
	if (error != EOWNERDEAD && error != 0)
		return false;
	s->outer = inside;
	inside = s;
	if (error == EOWNERDEAD) {
		pthread_mutex_consistent(&s->lock);
		if (s->holder_count && !s->counting)
			poison(s, "a process died");
	}
	s->counting = false;
	return true;
}

static bool lock(struct session *s)
{
	return locked(s, pthread_mutex_lock(&s->lock));
}

void session_leave(struct session *s)
{
	inside = s->outer;
	pthread_mutex_unlock(&s->lock);
}

void session_forked(void)
{
	inside = NULL;
}

void session_abandon(void)
{
	while (__builtin_expect(inside != NULL, 0)) {
		struct session *s = inside;
		poison(s, "a signal handler jumped away");
		session_leave(s);
	}
}

struct session *session_enter(uint64_t entry)
{
	if (table_slot(entry) >= ARENA_SLOTS)
		return NULL;
	struct session *s = arena_slot(table_slot(entry));
	if (!lock(s))
		return NULL;
	if (s->stamp == table_stamp(entry) && s->holder_count)
		return s;
	session_leave(s);
	return NULL;
}

struct session *session_enter_to_count(uint64_t entry)
{
	struct session *s = session_enter(entry);
	if (s)
		s->counting = true;
	return s;
}

bool session_try(struct session *s)
{
	if (!__atomic_load_n(&s->lock_ready, __ATOMIC_ACQUIRE))
		return false;
	int error = pthread_mutex_trylock(&s->lock);
	if (error == EOWNERDEAD && session_is_orphan(s)) {
		pthread_mutex_consistent(&s->lock);
		error = 0;
	}
	return locked(s, error);
}

bool session_is_socket(const struct session *s, int fd)
{
	return s->cookie ? s->cookie == kernel_cookie(fd) : kernel_is_tcp(fd);
}

struct session *session_enter_by(int fd, uint64_t entry)
{
	struct session *s = session_enter(entry);
	/* A vfork child may have another file there. */
	if (s && (table_get(fd) != entry ||
	          (process_may_be_guest() && !session_is_socket(s, fd)))) {
		session_leave(s);
		return NULL;
	}
	if (s && __builtin_expect(s->user != process_id, 0)) {
		s->user = process_id;
		registry_pid(s->registry, process_id);
	}
	if (s && __builtin_expect(s->poisoned, 0)) { /* now that its number is known */
		s->poisoned = false;
		kernel_shutdown(fd, SHUT_RDWR);
	}
	return s;
}

/*
 * The entry's session is not to be had.  Still the same stamp: this very thread is in it, in a
 * signal handler that came in between.  Passing the call to the kernel would be plaintext.
 */
ssize_t session_absent(int fd, uint64_t entry)
{
	if (entry == TABLE_OWN)
		return OUTCOME_BAD_DESCRIPTOR;
	if (entry == TABLE_CLOSING || table_get(fd) != entry)
		return OUTCOME_GONE;
	if (table_slot(entry) >= ARENA_SLOTS)
		return OUTCOME_REFUSED;
	struct session *s = arena_slot(table_slot(entry));
	return s->stamp == table_stamp(entry) ? OUTCOME_REFUSED : OUTCOME_GONE;
}

struct session *session_at(uint64_t entry)
{
	return arena_slot(table_slot(entry));
}

/* ---- who waits ------------------------------------------------------------------------------- */

void session_waits(uint64_t entry)
{
	__atomic_add_fetch(&session_at(entry)->waiting, 1, __ATOMIC_ACQ_REL);
}

void session_waited(uint64_t entry)
{
	struct session *s = session_at(entry);
	if (__atomic_load_n(&s->stamp, __ATOMIC_ACQUIRE) == table_stamp(entry))
		__atomic_sub_fetch(&s->waiting, 1, __ATOMIC_ACQ_REL);
}

bool session_is_waited_for(uint64_t entry)
{
	return __atomic_load_n(&session_at(entry)->waiting, __ATOMIC_ACQUIRE);
}

/* ---- scratch --------------------------------------------------------------------------------- */

enum { SMALL_OUT = 4096, HEADROOM = SESSION_TOKEN };

bool session_io(struct session *s, struct tls_io *io)
{
	uint8_t *buffer = scratch_take();
	*io = (struct tls_io){
		.out = buffer + TLS_BEFORE,
		.out_size = SCRATCH_SIZE - TLS_BEFORE,
		.region = s->region,
		.short_body = s->short_body,
	};
	return buffer != NULL;
}

uint8_t *session_io_inbox(struct tls_io *io, size_t *size)
{
	io->out_size = SMALL_OUT;
	*size = SCRATCH_SIZE - TLS_BEFORE - SMALL_OUT - HEADROOM;
	return io->out + SMALL_OUT + HEADROOM;
}

void session_io_end(struct tls_io *io)
{
	scratch_give(io->out - TLS_BEFORE);
}

struct region *session_region(struct session *s)
{
	if (!s->region)
		s->region = arena_region_take(s->slot);
	return s->region;
}

/* ---- birth ----------------------------------------------------------------------------------- */

static void set_peer(struct session *s, const struct policy_verdict *verdict,
                     const struct policy_flow *flow)
{
	const struct policy_rule *rule = verdict->rule;
	const char *name = rule->server_name ? rule->server_name : verdict->name;
	s->peer = (struct tls_peer){.rule = rule};
	memcpy(s->peer.address, flow->address, sizeof s->peer.address);
	if (rule->side == POLICY_CONNECT && name) {
		snprintf(s->name, sizeof s->name, "%s", name);
		s->peer.expected = s->name;
	}
}

static uint64_t listening[1 << 16 >> 6]; /* ports; never cleared, which costs nobody anything */

void session_listening(uint16_t port)
{
	__atomic_fetch_or(&listening[port >> 6], 1ULL << (port & 63), __ATOMIC_RELAXED);
}

static bool listens(uint16_t port)
{
	return __atomic_load_n(&listening[port >> 6], __ATOMIC_RELAXED) >> (port & 63) & 1;
}

/* Before more memory is made, that of the dead is looked for. */
static struct session *take_slot(uint32_t *slot)
{
	struct session *s = arena_slot_find(slot);
	if (s)
		return s;
	session_sweep();
	return arena_slot_take(slot);
}

uint64_t session_birth(int fd, struct rulebook *rulebook, const struct policy_verdict *verdict,
                       const struct policy_flow *flow, const struct sockaddr *local,
                       const struct sockaddr *remote)
{
	uint32_t slot;
	const struct policy_rule *rule = verdict->rule;
	struct registry_birth birth = {
		.side = rule->side == POLICY_CONNECT ? REGISTRY_CONNECT : REGISTRY_ACCEPT,
		.verdict = REGISTRY_PENDING,
		.reason = REGISTRY_HANDSHAKE,
		.local = local,
		.remote = remote,
		.cookie = kernel_cookie(fd),
		.rule = rule->name,
		.mode = policy_mode_name(rule->mode),
		.fd = fd,
	};
	/* First, so that whoever shares our slots by a fork shares the registry. */
	guard_enter();
	struct registry_slot *registry = registry_add(&birth);
	guard_leave();
	bool fits = (unsigned)fd < table_size;
	struct session *s = fits ? take_slot(&slot) : NULL;
	if (!s) {
		registry_verdict(registry, REGISTRY_REFUSED,
		                 fits ? REGISTRY_NO_MEMORY : REGISTRY_DESCRIPTOR_TOO_HIGH);
		registry_close(registry);
		return 0;
	}
	/* A late user of the slot's last session may be waiting for the lock right now. */
	if (!s->lock_ready)
		lock_init(s);
	lock(s);
	memset(&s->slot, 0, sizeof *s - offsetof(struct session, slot));
	s->slot = slot;
	s->rulebook = rulebook;
	s->context = rulebook->contexts[rule->index];
	s->timeout = (int64_t)rule->handshake_timeout_ms * 1000000;
	s->deadline = kernel_now() + s->timeout;
	s->connecting = rule->side == POLICY_CONNECT;
	s->to_self = s->connecting && listens(flow->port);
	set_peer(s, verdict, flow);
	s->registry = registry;
	s->cookie = birth.cookie;
	registry_state(s->registry, names[SESSION_FRESH]);
	s->user = process_id;
	/* See session_is_orphan(). */
	__atomic_store_n(&s->holders[0], process_elsewhere ? 0 : process_id, __ATOMIC_RELAXED);
	__atomic_store_n(&s->holder_count, 1, __ATOMIC_RELAXED);
	session_keep_lowat(s, fd);
	uint64_t entry = table_entry(slot, s->stamp);
	session_leave(s);
	if (!process_is_guest())
		table_swap(fd, entry);
	return entry;
}

void session_borrowed(uint64_t entry)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	s->connecting = false;
	s->borrowed = true;
	session_leave(s);
}

void session_connected(int fd, uint64_t entry, const struct sockaddr *local)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	s->connecting = false;
	/* A thread that was woken by the connection, once, and came too early. */
	if (s->early_blocked && kernel_connected(fd))
		session_tell_room(s, fd);
	if (local)
		registry_local(s->registry, local);
	session_leave(s);
}
