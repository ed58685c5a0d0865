/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One sleeved connection: its states, its holders, its end. */
#include "shim/session/session.h"

#include "shim/base/arena.h"
#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/base/scratch.h"
#include "shim/base/table.h"
#include "shim/session/pending.h"
#include "shim/session/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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
	s->lock_ready = true;
}

static bool lock(struct session *s)
{
	int error = pthread_mutex_lock(&s->lock);
	if (error == EOWNERDEAD) {
		pthread_mutex_consistent(&s->lock);
		s->tls = NULL;
		s->held_at = s->held_end = s->tail_at = s->tail_end = 0;
		s->held = s->part = s->early = NULL;
		session_set_tail(s, NULL);
		s->reason = REGISTRY_HOLDER_DIED;
		session_move(s, SESSION_BREAKS);
		registry_verdict(s->registry, REGISTRY_REFUSED, REGISTRY_HOLDER_DIED);
		log_say(LOG_LEVEL_ERROR,
		        "session %u: a process died while it used the session; the "
		        "connection is reset", s->slot);
		return true;
	}
	return error == 0;
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

/*
 * The entry's session is not to be had.  Still the same stamp: this very thread is in it, in a
 * signal handler that came in between.  Passing the call to the kernel would be plaintext.
 */
ssize_t session_absent(uint64_t entry)
{
	if (entry == TABLE_OWN)
		return OUTCOME_BAD_DESCRIPTOR;
	if (entry == TABLE_CLOSING)
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

void session_leave(struct session *s)
{
	pthread_mutex_unlock(&s->lock);
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
		s->region = arena_region_take();
	return s->region;
}

/* ---- birth and death ------------------------------------------------------------------------- */

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof cookie;
	return kernel_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

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

bool session_birth(int fd, struct rulebook *rulebook, const struct policy_verdict *verdict,
                   const struct policy_flow *flow, const struct sockaddr *local,
                   const struct sockaddr *remote)
{
	uint32_t slot;
	const struct policy_rule *rule = verdict->rule;
	struct session *s = (unsigned)fd < table_size ? arena_slot_take(&slot) : NULL;
	struct registry_birth birth = {
		.side = rule->side == POLICY_CONNECT ? REGISTRY_CONNECT : REGISTRY_ACCEPT,
		.verdict = s ? REGISTRY_PENDING : REGISTRY_REFUSED,
		.reason = s ? REGISTRY_HANDSHAKE
		          : (unsigned)fd < table_size ? REGISTRY_NO_MEMORY
		                                      : REGISTRY_DESCRIPTOR_TOO_HIGH,
		.local = local,
		.remote = remote,
		.cookie = cookie_of(fd),
		.rule = rule->name,
		.mode = policy_mode_name(rule->mode),
		.fd = fd,
	};
	guard_enter();
	struct registry_slot *registry = registry_add(&birth);
	guard_leave();
	if (!s) {
		registry_close(registry);
		return false;
	}
	/* A late user of the slot's last session may be waiting for the lock right now. */
	if (!s->lock_ready)
		lock_init(s);
	lock(s);
	uint32_t stamp = s->stamp;
	memset(&s->stamp, 0, sizeof *s - offsetof(struct session, stamp));
	s->stamp = stamp;
	s->slot = slot;
	s->holder_count = 1;
	s->holders[0] = process_id;
	s->rulebook = rulebook;
	s->context = rulebook->contexts[rule->index];
	s->timeout = (int64_t)rule->handshake_timeout_ms * 1000000;
	s->deadline = kernel_now() + s->timeout;
	s->connecting = rule->side == POLICY_CONNECT;
	s->to_self = s->connecting && listens(flow->port);
	set_peer(s, verdict, flow);
	s->registry = registry;
	registry_state(s->registry, names[SESSION_FRESH]);
	session_leave(s);
	uint64_t entry = table_entry(slot, stamp);
	table_swap(fd, entry);
	pending_add(fd, entry);
	return true;
}

void session_connected(uint64_t entry, const struct sockaddr *local)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	s->connecting = false;
	if (local)
		registry_local(s->registry, local);
	session_leave(s);
}

/*
 * Everything secret goes now; the slot itself may stay until the last descriptor does.  The
 * context's count drops in this process, where it was raised or inherited.
 */
static void clear(struct session *s)
{
	if (!s->tls_abandoned && s->tls_maker == process_id)
		tls_free(s->tls, s->region);
	if (s->region)
		arena_region_give(s->region);
	s->tls = NULL;
	s->region = NULL;
	s->short_body = NULL;
	s->held = s->part = s->early = NULL;
	session_set_tail(s, NULL);
	s->held_at = s->held_end = s->tail_at = s->tail_end = s->part_end = s->early_end = 0;
	s->token = 0;
}

static const char *end_of(struct session *s)
{
	return s->peer.rule->side == POLICY_CONNECT ? "to" : "from";
}

void session_describe(const struct session *s, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN];
	const uint8_t *bytes = s->peer.address;
	bool v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)bytes);
	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, address, sizeof address);
	snprintf(text, size, v4 ? "%s:%u" : "[%s]:%u", address, s->registry->remote.port);
}

static void report_failure(struct session *s, bool was_up)
{
	static const char *const reasons[] = {
#define X(name, text) text,
		REGISTRY_REASONS(X)
#undef X
	};
	char peer[128];
	session_describe(s, peer, sizeof peer);
	/* A probe that connects and goes away is nobody's error. */
	bool quiet = s->reason == REGISTRY_PEER_CLOSED || s->reason == REGISTRY_RESET;
	log_say(quiet ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
	        "connection %s %s %s: %s (rule \"%s\"%s%s%s%s)", end_of(s), peer,
	        was_up ? "broken" : "refused", reasons[s->reason], s->peer.rule->name,
	        s->peer.expected ? ", expected name " : "", s->peer.expected ? s->name : "",
	        s->peer.names[0] ? ", peer shows " : "", s->peer.names);
}

/*
 * tcp(7), TCP_INFO: bytes_sent - bytes_retrans + notsent_bytes is the payload written to the
 * socket, to the byte.  More than we wrote means that somebody wrote past us.
 */
static void attest(struct session *s, int fd)
{
	struct {
		struct tcp_info old;
		uint8_t rest[256];
	} info = {0};
	socklen_t length = sizeof info;
	if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 || length < 232)
		return;
	const uint8_t *raw = (const uint8_t *)&info;
	uint64_t sent, again;
	uint32_t unsent;
	memcpy(&unsent, raw + 144, sizeof unsent); /* tcpi_notsent_bytes */
	memcpy(&sent, raw + 200, sizeof sent);     /* tcpi_bytes_sent */
	memcpy(&again, raw + 208, sizeof again);   /* tcpi_bytes_retrans */
	int64_t difference = (int64_t)(sent - again + unsent) -
	                     (int64_t)__atomic_load_n(&s->registry->wire_out, __ATOMIC_RELAXED);
	uint8_t state = raw[0]; /* tcpi_state */
	if (unsent && (state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK || state == TCP_CLOSING ||
	               state == TCP_CLOSE))
		difference--; /* our FIN, which waits to be sent, is counted as a byte */
	if (difference <= 0)
		return;
	char peer[128];
	session_describe(s, peer, sizeof peer);
	registry_bypass(s->registry, difference);
	log_say(LOG_LEVEL_ERROR, "connection %s %s: bypass: %lld bytes were written to the socket "
	        "past Sleeve", end_of(s), peer, (long long)difference);
}

void session_fail(struct session *s, int fd, enum registry_reason reason)
{
	if (s->state == SESSION_FAILED)
		return;
	bool was_up = session_is_up(s);
	session_move(s, SESSION_BREAKS);
	s->reason = (uint8_t)reason;
	registry_verdict(s->registry, was_up ? REGISTRY_TLS : REGISTRY_REFUSED, reason);
	report_failure(s, was_up);
	if (was_up)
		attest(s, fd);
	if (reason != REGISTRY_RESET)
		kernel_shutdown(fd, SHUT_RDWR);
	clear(s);
}

void session_peer_closed(struct session *s, int fd)
{
	session_move(s, SESSION_PEER_CLOSES);
	/* As if FIN had come: readable for ever, EPOLLRDHUP, whoever polls it. */
	kernel_shutdown(fd, SHUT_RD);
}

void session_shut_write(struct session *s, int fd)
{
	if (s->state == SESSION_FAILED || s->state == SESSION_SHUT_WRITE ||
	    s->state == SESSION_CLOSED)
		return;
	if (!session_is_up(s) || !record_flush(s, fd)) {
		s->shutdown_wanted = true;
		return;
	}
	struct tls_io io;
	if (session_io(s, &io)) {
		tls_goodbye(s->tls, &io);
		session_move(s, SESSION_WE_CLOSE);
		record_send(s, fd, &io, 0);
		session_io_end(&io);
	}
	s->shutdown_wanted = s->tail_at != s->tail_end;
	if (!s->shutdown_wanted)
		kernel_shutdown(fd, SHUT_WR);
}

/* ---- holders --------------------------------------------------------------------------------- */

static void change_holder(struct session *s, pid_t from, pid_t to)
{
	for (int i = 0; i < SESSION_HOLDERS; i++)
		if (s->holders[i] == from) {
			s->holders[i] = to;
			return;
		}
}

void session_hold(uint64_t entry, pid_t unborn)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	s->holder_count++;
	change_holder(s, 0, unborn);
	session_leave(s);
}

void session_claim(uint64_t entry, pid_t unborn, pid_t now)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	change_holder(s, unborn, now);
	session_leave(s);
}

void session_unhold(uint64_t entry, pid_t unborn)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	change_holder(s, unborn, 0);
	s->holder_count--;
	session_leave(s);
}

void session_lend(uint64_t entry)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	if (s->holder_count > 1) {
		s->holder_count--;
		change_holder(s, process_id, 0);
	}
	session_leave(s);
}

void session_reclaim(uint64_t entry)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	bool lent = true;
	for (int i = 0; i < SESSION_HOLDERS; i++)
		lent &= s->holders[i] != process_id;
	if (lent) {
		s->holder_count++;
		change_holder(s, 0, process_id);
	}
	session_leave(s);
}

/* A holder that was killed could not say so. */
static void forget_the_dead(struct session *s)
{
	for (int i = 0; i < SESSION_HOLDERS && s->holder_count > 1; i++) {
		pid_t pid = s->holders[i];
		if (pid > 0 && pid != process_id && kill(pid, 0) < 0 && errno == ESRCH) {
			s->holders[i] = 0;
			s->holder_count--;
		}
	}
}

static void end(struct session *s, int fd)
{
	record_farewell(s, fd);
	if (s->state != SESSION_FAILED && s->state != SESSION_FRESH)
		attest(s, fd); /* a failed one was looked at when it failed */
	registry_close(s->registry);
	clear(s);
	struct rulebook *rulebook = s->rulebook;
	s->rulebook = NULL;
	s->holder_count = 0;
	s->stamp++;
	uint32_t slot = s->slot;
	session_leave(s);
	arena_slot_give(slot);
	rulebook_put(rulebook);
}

void session_drop(uint64_t entry, int fd)
{
	int saved = errno;
	struct session *s = session_enter(entry);
	if (!s)
		return;
	forget_the_dead(s);
	if (s->holder_count == 1) {
		end(s, fd);
	} else {
		change_holder(s, process_id, 0);
		s->holder_count--;
		session_leave(s);
	}
	errno = saved;
}
