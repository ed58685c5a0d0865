/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From TCP to an authenticated peer, without anybody waiting. */
#include "shim/session/session.h"

#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/session/record.h"

#include <errno.h>
#include <poll.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

struct link {
	struct session *session;
	int fd;
};

/* EPIPE is a reset behind FIN: the peer has closed, and we were still speaking of TLS. */
static enum registry_reason reason_of(int error)
{
	return error == EPIPE ? REGISTRY_PEER_CLOSED : REGISTRY_RESET;
}

static ssize_t receive(void *of, void *buffer, size_t size)
{
	struct link *link = of;
	ssize_t got = kernel_recv(link->fd, buffer, size, 0);
	if (got == -EPIPE)
		return 0;
	if (got > 0)
		registry_count(link->session->registry, 0, 0, (uint64_t)got, 0);
	return got;
}

/*
 * A client begins as soon as TCP is there.  A server begins when the peer has said something: one
 * that stays silent costs a slot and no region.
 */
static bool may_begin(struct session *s, int fd)
{
	bool client = s->peer.rule->side == POLICY_CONNECT;
	if (client && s->connecting)
		return false;
	if (client && !kernel_connected(fd)) {
		/* The connect failed; its errno is the program's to read. */
		if (kernel_poll(fd, 0) & (POLLERR | POLLHUP)) {
			s->reset_told = true;
			session_fail(s, fd, REGISTRY_RESET);
		}
		return false;
	}
	uint8_t byte;
	ssize_t seen = kernel_recv(fd, &byte, 1, MSG_PEEK);
	if (seen == 0)
		session_fail(s, fd, REGISTRY_PEER_CLOSED);
	else if (seen < 0 && seen != -EAGAIN)
		session_fail(s, fd, REGISTRY_RESET);
	return seen > 0 || (client && seen == -EAGAIN);
}

static bool begin(struct session *s, int fd, struct tls_io *io)
{
	io->region = session_region(s);
	if (io->region)
		s->tls = tls_new(s->context, &s->peer, io);
	if (!s->tls) {
		session_fail(s, fd, REGISTRY_NO_MEMORY);
		return false;
	}
	s->tls_maker = process_id;
	session_move(s, SESSION_BEGIN);
	if (s->peer.rule->side == POLICY_CONNECT)
		s->deadline = kernel_now() + s->timeout;
	return true;
}

/*
 * Setting TCP_NOTSENT_LOWAT to the value it has makes the kernel report that it has room, if it
 * has.  If not, having been asked makes it report when it will have.
 */
void session_tell_room(struct session *s, int fd)
{
	s->early_blocked = false;
	if (kernel_poll(fd, POLLOUT) & POLLOUT)
		kernel_set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
		                  kernel_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0));
}

/*
 * With SO_RCVLOWAT (socket(7)) the kernel would not tell of a flight that is shorter.  The option
 * is the program's, for its own bytes, so it rests until there can be some.
 */
void session_keep_lowat(struct session *s, int fd)
{
	if (s->state > SESSION_HANDSHAKING)
		return;
	int lowat = kernel_option(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
	s->lowat = lowat > 1 ? lowat : 0;
	if (s->lowat)
		kernel_set_option(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
}

/* What the program wrote meanwhile goes out in one piece with the last flight. */
static void finished(struct session *s, int fd, struct tls_io *io)
{
	session_move(s, SESSION_FINISHED);
	struct tls_facts facts = tls_describe(s->tls);
	s->overhead = tls_overhead(s->tls);
	struct registry_tls tls = {
		.tls = facts.version,
		.cipher = facts.cipher ? facts.cipher : "",
		.group = facts.group ? facts.group : "",
		.resumed = facts.resumed,
		.peer = s->peer.names,
		.peer_expires = s->peer.expires,
	};
	registry_tls(s->registry, &tls);
	registry_verdict(s->registry, REGISTRY_TLS, REGISTRY_RULE);
	s->acked_wire = s->registry->wire_out;
	if (s->early_end) {
		if (!tls_seal(s->tls, io, s->early, s->early_end)) {
			s->tls_abandoned |= io->abandoned;
			session_fail(s, fd, REGISTRY_INTERNAL);
			return;
		}
		registry_count(s->registry, 0, s->early_end, 0, 0);
	}
	record_send_flight(s, fd, io);
	s->unspoken = !s->early_end;
	region_free(s->region, s->early);
	s->early = NULL;
	__atomic_store_n(&s->early_end, 0, __ATOMIC_RELAXED);
	s->short_body = tls_short_body(s->region);
	region_trim(s->region);
	if (s->shutdown_wanted && !s->tail) {
		s->shutdown_wanted = false;
		session_shut_write(s, fd, SHUT_WR);
	}
	if (s->read_shut)
		kernel_shutdown(fd, SHUT_RD);
	if (s->lowat)
		kernel_set_option(fd, SOL_SOCKET, SO_RCVLOWAT, s->lowat);
	s->lowat = 0;
	if (s->early_blocked)
		session_tell_room(s, fd);
	if (log_wants(LOG_LEVEL_INFO)) {
		char peer[128];
		session_describe(s, peer, sizeof peer);
		log_say(LOG_LEVEL_INFO, "connection with %s: %s %s %s, peer %s (rule \"%s\")", peer,
		        tls.tls, tls.cipher, tls.group, s->peer.names, s->peer.rule->name);
	}
}

void session_advance(struct session *s, int fd)
{
	if (session_is_up(s))
		record_flush(s, fd);
	if (s->state > SESSION_HANDSHAKING)
		return;
	if (s->state == SESSION_FRESH && !may_begin(s, fd))
		return;
	if (!record_flush(s, fd) && s->kernel_error) {
		session_fail(s, fd, reason_of(s->kernel_error));
		return;
	}
	struct tls_io io;
	enum registry_reason reason = REGISTRY_INTERNAL;
	if (!session_io(s, &io)) {
		session_fail(s, fd, REGISTRY_NO_MEMORY);
		return;
	}
	if (s->state == SESSION_FRESH && !begin(s, fd, &io))
		goto out;
	io.receive = receive;
	io.link = &(struct link){s, fd};
	switch (tls_handshake(s->tls, &s->peer, &io, &reason)) {
	case TLS_DONE:
		finished(s, fd, &io);
		break;
	case TLS_AGAIN:
		record_send_flight(s, fd, &io);
		if (s->kernel_error)
			session_fail(s, fd, reason_of(s->kernel_error));
		break;
	default:
		record_send_flight(s, fd, &io);
		session_fail(s, fd, reason);
	}
out:
	session_io_end(&io);
}

ssize_t session_write_early(struct session *s, int fd, const uint8_t *bytes, size_t size)
{
	if (s->shutdown_wanted)
		return OUTCOME_PIPE;
	if (s->peer.rule->side == POLICY_CONNECT && s->state == SESSION_FRESH && !s->tls) {
		s->early_blocked = true; /* TCP itself is not there yet, or connect(2) not back */
		return OUTCOME_AGAIN;
	}
	(void)fd;
	size_t room = SESSION_EARLY - s->early_end;
	if (!session_region(s))
		return OUTCOME_NO_MEMORY;
	if (!s->early)
		s->early = region_alloc(s->region, SESSION_EARLY);
	if (!s->early)
		return OUTCOME_NO_MEMORY;
	if (!room) {
		s->early_blocked = true;
		return OUTCOME_AGAIN;
	}
	size_t part = size < room ? size : room;
	memcpy(s->early + s->early_end, bytes, part);
	__atomic_store_n(&s->early_end, s->early_end + (uint32_t)part, __ATOMIC_RELAXED);
	s->early_blocked |= part < size;
	return (ssize_t)part;
}
