/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two ends of a connection in memory: what one sends arrives at the other when the test says so. */
#ifndef SLEEVE_TESTS_TLS_HELP_H
#define SLEEVE_TESTS_TLS_HELP_H

#include "shim/base/arena.h"
#include "shim/tls/context.h"
#include "shim/tls/tls.h"

#ifndef must
#include <criterion/criterion.h>
#define must cr_assert
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of the tests' certificates: "server.crt". */
const char *pki(const char *file);

struct end {
	struct policy_identity identity;
	struct policy_rule rule;
	struct tls_context *context; /* NULL: a foreign peer */
	WOLFSSL_CTX *foreign;
	struct tls_peer peer;
	uint32_t slot;
	struct region *region;
	struct tls *tls;
	enum tls_result result;
	enum registry_reason reason;
	size_t in_at, in_end, out_end;
	bool abandoned; /* tls_io.abandoned: wiping has to do */
	uint8_t in[1 << 17], out[1 << 17];
};

#define UNUSED __attribute__((unused))

/* An end of ours before end_open(): its rule may still be changed. */
UNUSED static struct end *end_new(enum policy_side side, const char *name)
{
	struct end *e = calloc(1, sizeof *e);
	char file[64];
	must(e != NULL);
	snprintf(file, sizeof file, "%s.crt", name);
	e->identity = (struct policy_identity){.name = "unit", .file = "unit.conf"};
	e->identity.certificate = strdup(pki(file));
	snprintf(file, sizeof file, "%s.key", name);
	e->identity.key = strdup(pki(file));
	e->identity.trust = strdup(pki("ca.crt"));
	e->rule = (struct policy_rule){
		.name = side == POLICY_CONNECT ? "client" : "server",
		.file = "unit.conf",
		.side = side,
		.mode = POLICY_STRICT,
		.identity = &e->identity,
	};
	e->peer.expected = side == POLICY_CONNECT ? "server.test" : NULL;
	return e;
}

UNUSED static void end_tls_io(struct end *e, struct tls_io *io)
{
	*io = (struct tls_io){
		.out = e->out + e->out_end,
		.out_size = sizeof e->out - e->out_end,
		.region = e->region,
	};
}

/* A connection, with a context of its own where there is none yet. */
UNUSED static void end_start(struct end *e)
{
	struct policy_findings findings = {0};
	struct tls_io io;
	must(arena_slot_take(&e->slot) != NULL);
	e->region = arena_region_take(e->slot);
	if (!e->context && !e->foreign)
		e->context = tls_context_new(&e->rule, NULL, &findings);
	policy_findings_print(&findings, stderr);
	policy_findings_clear(&findings);
	must(e->context || e->foreign);
	e->peer = (struct tls_peer){.rule = &e->rule, .expected = e->peer.expected};
	memset(e->peer.address, 0, 10);
	memcpy(e->peer.address + 10, "\xff\xff\x7f\0\0\1", 6);
	end_tls_io(e, &io);
	e->tls = e->foreign ? (struct tls *)wolfSSL_new(e->foreign)
	                    : tls_new(e->context, &e->peer, &io);
	must(e->tls != NULL);
	e->result = TLS_AGAIN;
	e->reason = REGISTRY_NONE;
	e->in_at = e->in_end = e->out_end = 0;
}

/* A peer that is wolfSSL with none of our settings: no verification, the method given. */
UNUSED static struct end *end_foreign(enum policy_side side, const char *name,
                                      WOLFSSL_METHOD *method)
{
	struct end *e = end_new(side, name ? name : "server");
	context_start();
	e->foreign = wolfSSL_CTX_new(method);
	must(e->foreign != NULL);
	wolfSSL_CTX_set_verify(e->foreign, WOLFSSL_VERIFY_NONE, NULL);
	wolfSSL_CTX_SetIORecv(e->foreign, tls_receive_callback);
	wolfSSL_CTX_SetIOSend(e->foreign, tls_send_callback);
	must(!name ||
	     (wolfSSL_CTX_use_certificate_chain_file(e->foreign, e->identity.certificate) ==
	              WOLFSSL_SUCCESS &&
	      wolfSSL_CTX_use_PrivateKey_file(e->foreign, e->identity.key, WOLFSSL_FILETYPE_PEM) ==
	              WOLFSSL_SUCCESS));
	e->rule.unsafe_skip_verification = true;
	return e;
}

/* Ends the connection; the context stays for another. */
UNUSED static void end_stop(struct end *e)
{
	if (!e->abandoned)
		tls_free(e->tls, e->region);
	/* A foreign context that makes tickets keeps things of its own in the session's region. */
	wolfSSL_CTX_free(e->foreign);
	e->foreign = NULL;
	arena_region_give(e->slot);
	arena_slot_give(e->slot);
	e->abandoned = false;
	e->tls = NULL;
	e->region = NULL;
}

UNUSED static void end_free(struct end *e)
{
	if (e->tls)
		end_stop(e);
	tls_context_free(e->context);
	free((char *)e->identity.certificate);
	free((char *)e->identity.key);
	free((char *)e->identity.trust);
	free(e);
}

UNUSED static ssize_t end_receive(void *of, void *buffer, size_t size)
{
	struct end *e = of;
	size_t part = e->in_end - e->in_at < size ? e->in_end - e->in_at : size;
	memcpy(buffer, e->in + e->in_at, part);
	e->in_at += part;
	return part ? (ssize_t)part : -EAGAIN;
}

UNUSED static void end_arrive(struct end *e, const void *bytes, size_t size)
{
	if (e->in_at == e->in_end)
		e->in_at = e->in_end = 0;
	must(size <= sizeof e->in - e->in_end);
	memcpy(e->in + e->in_end, bytes, size);
	e->in_end += size;
}

/* All that `from` has sent arrives at `to`. */
UNUSED static void end_carry(struct end *from, struct end *to)
{
	end_arrive(to, from->out, from->out_end);
	from->out_end = 0;
}

/* Moves the handshake on with what has arrived. */
UNUSED static enum tls_result end_step(struct end *e)
{
	struct tls_io io;
	if (e->result != TLS_AGAIN)
		return e->result;
	end_tls_io(e, &io);
	io.receive = end_receive;
	io.link = e;
	e->result = tls_handshake(e->tls, &e->peer, &io, &e->reason);
	e->out_end += io.out_used;
	return e->result;
}

/* The whole handshake; true when both are content. */
UNUSED static bool end_shake(struct end *client, struct end *server)
{
	for (int round = 0; round < 8; round++) {
		end_step(client);
		end_carry(client, server);
		end_step(server);
		end_carry(server, client);
	}
	return client->result == TLS_DONE && server->result == TLS_DONE;
}

UNUSED static void end_seal(struct end *e, const void *bytes, size_t size)
{
	struct tls_io io;
	end_tls_io(e, &io);
	must(tls_seal(e->tls, &io, bytes, size));
	must(!io.abandoned);
	e->out_end += io.out_used;
}

UNUSED static void end_goodbye(struct end *e)
{
	struct tls_io io;
	end_tls_io(e, &io);
	tls_goodbye(e->tls, &io);
	e->out_end += io.out_used;
}

/* Length of the record that begins there; 0: not all of it is there. */
UNUSED static size_t record_at(const uint8_t *bytes, size_t size)
{
	if (size < TLS_HEADER)
		return 0;
	size_t length = TLS_HEADER + (size_t)(bytes[3] << 8 | bytes[4]);
	return length <= size ? length : 0;
}

/* Opens the next record that has arrived; TLS_AGAIN when there is none. */
UNUSED static enum tls_result end_open(struct end *e, uint8_t plain[TLS_PLAIN], size_t *got)
{
	struct tls_io io;
	size_t length = record_at(e->in + e->in_at, e->in_end - e->in_at);
	*got = 0;
	if (!length)
		return TLS_AGAIN;
	end_tls_io(e, &io);
	io.record = e->in + e->in_at;
	io.record_size = length;
	enum tls_result result = tls_open(e->tls, &io, plain, TLS_PLAIN, got, &e->reason);
	e->abandoned |= io.abandoned;
	e->in_at += length;
	e->out_end += io.out_used;
	return result;
}

#endif
