/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session on a real TCP connection, and at the other end a peer whose every byte is ours. */
#ifndef SLEEVE_TESTS_SESSION_HELP_H
#define SLEEVE_TESTS_SESSION_HELP_H

#include "tests/unit/tls_help.h"

#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/base/table.h"
#include "shim/session/pending.h"
#include "shim/session/record.h"
#include "shim/session/session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

struct link_pair {
	int fd, raw;       /* the session's socket, the peer's */
	uint64_t entry;    /* of the session */
	struct end *peer;
	uint64_t raw_sent; /* bytes that the peer has put on the wire */
};

enum { PATIENCE = 10000 }; /* milliseconds for what must happen at once */

/* Once a process: a policy with a rule for each side; `more` is added to both rules. */
UNUSED static void session_start(const char *more)
{
	static char folder[100], path[128], rundir[128];
	static struct rulebook_settings settings = {.path = path, .lowest_fd = 900};
	/* It goes with the certificates, however this test ends. */
	snprintf(folder, sizeof folder, "%s", pki("session-XXXXXX"));
	must(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/policy.conf", folder);
	snprintf(rundir, sizeof rundir, "%s/run", folder);
	FILE *f = fopen(path, "w");
	must(f != NULL);
	static const char *const names[] = {"server", "client"};
	for (int i = 0; i < 2; i++)
		fprintf(f, "%s{ name = \"%s\"; certificate = \"../%s.crt\"; key = \"../%s.key\"; "
		           "trust = \"../ca.crt\"; }", i ? ", " : "version = 1; identities = (",
		        names[i], names[i], names[i]);
	fprintf(f, ");\nrules = ({ name = \"in\"; on = \"accept\"; mode = \"strict\"; "
	           "identity = \"server\"; %s },\n{ name = \"out\"; on = \"connect\"; "
	           "mode = \"strict\"; identity = \"client\"; %s });\n", more, more);
	fclose(f);
	process_id = getpid();
	log_init("error:/dev/null", "unit");
	must(table_init());
	registry_init(&(struct registry_settings){
		.rundir = rundir, .program = "/usr/bin/unit", .lowest_fd = 900});
	settings.program = (struct policy_program){.exe = "/usr/bin/unit", .command = "unit"};
	rulebook_start(&settings);
}

/* record_write() of a flat buffer. */
UNUSED static ssize_t write_flat(struct session *s, int fd, const void *bytes, size_t size)
{
	struct iovec all = {(void *)(uintptr_t)bytes, size};
	return record_write(s, fd, (struct vector){&all, 1, 0}, size, 0);
}

UNUSED static void tcp_pair(int ends[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), large = 1 << 20, yes = 1;
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
	must(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0);
	must(getsockname(listener, (struct sockaddr *)&at, &length) == 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(ends[0], SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
	must(connect(ends[0], (struct sockaddr *)&at, sizeof at) == 0);
	ends[1] = accept(listener, NULL, NULL);
	must(ends[1] >= 0);
	for (int i = 0; i < 2; i++) /* small pieces leave at once */
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	close(listener);
}

/* A session of this side, still fresh, on a connection without a peer. */
UNUSED static struct link_pair *link_born(enum policy_side side)
{
	struct link_pair *l = calloc(1, sizeof *l);
	struct sockaddr_in local, remote;
	socklen_t length = sizeof local;
	int ends[2];
	tcp_pair(ends);
	l->fd = ends[side == POLICY_ACCEPT];
	l->raw = ends[side != POLICY_ACCEPT];
	getsockname(l->fd, (struct sockaddr *)&local, &length);
	getpeername(l->fd, (struct sockaddr *)&remote, &length);
	struct policy_flow flow = {.side = side};
	must(policy_address((struct sockaddr *)&remote, length, flow.address, &flow.port));
	struct rulebook *rulebook = rulebook_get();
	must(rulebook != NULL);
	struct policy_verdict verdict = rulebook_decide(rulebook, &flow);
	must(verdict.rule != NULL);
	must(session_birth(l->fd, rulebook, &verdict, &flow, (struct sockaddr *)&local,
	                   (struct sockaddr *)&remote));
	pending_add(l->fd, table_get(l->fd));
	l->entry = table_get(l->fd);
	session_connected(l->fd, l->entry, NULL);
	return l;
}

/* The same, and a peer that has not said anything. */
UNUSED static struct link_pair *link_new(enum policy_side side, struct end *peer)
{
	struct link_pair *l = link_born(side);
	l->peer = peer ? peer : end_new(side == POLICY_ACCEPT ? POLICY_CONNECT : POLICY_ACCEPT,
	                                side == POLICY_ACCEPT ? "client" : "server");
	end_start(l->peer);
	return l;
}

UNUSED static struct session *enter(struct link_pair *l)
{
	struct session *s = session_enter(l->entry);
	must(s != NULL);
	return s;
}

UNUSED static enum session_state state_of(struct link_pair *l)
{
	return session_peek_state(l->entry);
}

/* tcp(7), tcpi_bytes_received: waits until all that the peer has sent is in the kernel here. */
UNUSED static void settle(struct link_pair *l)
{
	uint64_t info[32] = {0};
	int64_t until = kernel_now() + PATIENCE * 1000000LL;
	do {
		socklen_t length = sizeof info;
		must(getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0);
		must(kernel_now() < until);
	} while (info[16] < l->raw_sent);
}

UNUSED static void raw_send(struct link_pair *l, const void *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t part = send(l->raw, (const char *)bytes + at, size - at, MSG_NOSIGNAL);
		must(part > 0);
		at += (size_t)part;
	}
	l->raw_sent += size;
	settle(l);
}

UNUSED static void peer_send(struct link_pair *l)
{
	raw_send(l, l->peer->out, l->peer->out_end);
	l->peer->out_end = 0;
}

/* What has come for the peer; false at the end.  Waits for something where there is nothing. */
UNUSED static bool peer_take(struct link_pair *l)
{
	static uint8_t bytes[32768];
	struct pollfd p = {.fd = l->raw, .events = POLLIN};
	must(poll(&p, 1, PATIENCE) == 1);
	size_t room = sizeof l->peer->in - (l->peer->in_end - l->peer->in_at);
	memmove(l->peer->in, l->peer->in + l->peer->in_at, l->peer->in_end - l->peer->in_at);
	l->peer->in_end -= l->peer->in_at;
	l->peer->in_at = 0;
	ssize_t got = recv(l->raw, bytes, room < sizeof bytes ? room : sizeof bytes, 0);
	if (got > 0)
		end_arrive(l->peer, bytes, (size_t)got);
	return got > 0;
}

UNUSED static void advance(struct link_pair *l)
{
	struct session *s = enter(l);
	session_advance(s, l->fd);
	session_leave(s);
}

/* The whole handshake. */
UNUSED static void link_open(struct link_pair *l)
{
	for (int round = 0; round < 8; round++) {
		end_step(l->peer);
		peer_send(l);
		advance(l);
		if (l->peer->result == TLS_DONE && state_of(l) == SESSION_OPEN)
			return;
		if (l->peer->result == TLS_AGAIN)
			peer_take(l);
	}
	must(!"the handshake came to no end");
}

UNUSED static struct link_pair *link_opened(enum policy_side side)
{
	struct link_pair *l = link_new(side, NULL);
	link_open(l);
	return l;
}

/* As the last close of the program. */
UNUSED static void link_close(struct link_pair *l)
{
	must(table_change(l->fd, l->entry, 0));
	session_drop(l->entry, l->fd, false);
	close(l->fd);
	l->fd = -1;
}

UNUSED static void link_free(struct link_pair *l)
{
	if (l->fd >= 0)
		link_close(l);
	close(l->raw);
	end_free(l->peer);
	free(l);
}

/* Does the kernel say that there is something to read? */
UNUSED static bool kernel_says_readable(struct link_pair *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

UNUSED static ssize_t read_some(struct link_pair *l, void *bytes, size_t size)
{
	struct session *s = enter(l);
	ssize_t got = record_read(s, l->fd, bytes, size);
	session_leave(s);
	return got;
}

#endif
