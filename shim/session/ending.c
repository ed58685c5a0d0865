/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a sleeved connection ends: goodbye, failure, and what is left behind. */
#include "shim/session/session.h"

#include "shim/base/arena.h"
#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/session/record.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/*
 * Everything secret goes now; the slot itself may stay until the last descriptor does.  The
 * context's count drops in this process, where it was raised or inherited.
 */
static void clear(struct session *s)
{
	if (!s->tls_abandoned && s->tls_maker == process_id)
		tls_free(s->tls, s->region);
	if (s->region)
		arena_region_give(s->slot);
	s->tls = NULL;
	s->region = NULL;
	s->short_body = NULL;
	s->held = s->part = s->early = NULL;
	session_set_tail(s, NULL);
	s->held_at = s->held_end = s->tail_at = s->tail_end = s->part_end = 0;
	__atomic_store_n(&s->early_end, 0, __ATOMIC_RELAXED);
	s->token = 0;
}

static const char *end_of(struct session *s)
{
	return s->peer.rule->side == POLICY_CONNECT ? "to" : "from";
}

void session_remote(const struct session *s, struct sockaddr_storage *address)
{
	const struct registry_end *end = &s->registry->remote;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	memset(address, 0, sizeof *address);
	if (end->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(end->port);
		memcpy(&v4->sin_addr, end->address + 12, sizeof v4->sin_addr);
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(end->port);
		v6->sin6_scope_id = end->scope;
		memcpy(&v6->sin6_addr, end->address, sizeof v6->sin6_addr);
	}
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
	/* MPTCP's TCP_INFO is that of one subflow, and bytes may be sent again on another. */
	if (kernel_option(fd, SOL_SOCKET, SO_PROTOCOL, IPPROTO_TCP) != IPPROTO_TCP)
		return;
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
	if (state == TCP_CLOSE && !sent) /* connect(2), AF_UNSPEC: the counters began anew */
		return;
	if (unsent && (state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK || state == TCP_CLOSING ||
	               state == TCP_CLOSE))
		difference--; /* our FIN, which waits to be sent, is counted as a byte */
	if (difference <= 0 || !registry_bypass(s->registry, difference))
		return;
	char peer[128];
	session_describe(s, peer, sizeof peer);
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
	/* As if FIN had come, unless it has: readable for ever, EPOLLRDHUP, whoever polls it. */
	if (!(kernel_poll(fd, POLLRDHUP) & POLLRDHUP))
		kernel_shutdown(fd, SHUT_RD);
}

bool session_goodbye(struct session *s, int fd)
{
	if (s->state == SESSION_FAILED || s->state == SESSION_SHUT_WRITE ||
	    s->state == SESSION_CLOSED)
		return false;
	if (!session_is_up(s) || !record_flush(s, fd)) {
		s->shutdown_wanted = true;
		return false;
	}
	struct tls_io io;
	if (session_io(s, &io)) {
		tls_goodbye(s->tls, &io);
		session_move(s, SESSION_WE_CLOSE);
		record_send(s, fd, &io, 0);
		session_io_end(&io);
	}
	s->shutdown_wanted = s->tail_at != s->tail_end;
	return !s->shutdown_wanted;
}

void session_shut_write(struct session *s, int fd, int how)
{
	if (session_goodbye(s, fd))
		kernel_shutdown(fd, how);
}

bool session_owes(struct session *s, int fd)
{
	if (s->borrowed && s->state == SESSION_FRESH)
		return false;
	session_advance(s, fd);
	if (s->state == SESSION_FAILED)
		return false;
	/* What was written early would have been there by now, before the reset. */
	if (!session_is_up(s) && s->early_end)
		return true;
	if (kernel_resets_on_close(fd))
		return false;
	return session_is_up(s) ? s->tail && !s->kernel_error : kernel_connected(fd);
}

static void give_back(struct session *s)
{
	registry_close(s->registry);
	clear(s);
	s->rulebook = NULL;
	s->holder_count = 0;
	__atomic_store_n(&s->stamp, s->stamp + 1, __ATOMIC_RELEASE);
	uint32_t slot = s->slot;
	session_leave(s);
	arena_slot_give(slot);
}

void session_end(struct session *s, int fd)
{
	if (s->state != SESSION_FAILED && s->state != SESSION_FRESH)
		attest(s, fd); /* a failed one was looked at when it failed */
	struct rulebook *rulebook = s->rulebook;
	give_back(s);
	rulebook_put(rulebook);
}

void session_bury(struct session *s)
{
	s->tls_abandoned = true;
	give_back(s);
}
