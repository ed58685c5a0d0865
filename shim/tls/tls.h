/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection's TLS: bytes in, bytes out, no descriptor of its own. */
#ifndef SLEEVE_TLS_TLS_H
#define SLEEVE_TLS_TLS_H

#include "policy/policy.h"
#include "policy/reload.h"
#include "shim/base/region.h"
#include "shim/registry/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The engine of a session.  It lives in the session's region (shared memory, same address in
 * every process of a family) and is used under the session's lock only.  It never waits, and
 * reaches the outside only through the tls_io of the call: what it wants to send is appended
 * there, what it may read is there, or, during the handshake, is taken from tls_io.receive.
 *
 * All functions leave errno alone.  Stack: handshake about 17 KiB, the rest under 4 KiB.
 */
struct tls;
struct tls_context;

enum tls_result {
	TLS_DONE,   /* handshake: finished.  open: fine */
	TLS_AGAIN,  /* needs bytes that have not arrived */
	TLS_CLOSED, /* the peer's close_notify (RFC 8446 section 6.1) */
	TLS_FAILED, /* for good; *reason says why, the fatal alert is in io->out */
};

/* RFC 8446 section 5: header, largest ciphertext, and what a record costs at the least. */
enum {
	TLS_HEADER = 5,
	TLS_PLAIN = 16384,
	TLS_RECORD = TLS_HEADER + TLS_PLAIN + 256,
	TLS_SHORT = 288, /* a record up to this long goes through tls_io.short_body */
	TLS_BEFORE = 64, /* bytes before tls_io.out that belong to the call too */
};

struct tls_io {
	/* Handshake: takes exactly up to `size` bytes from the kernel, -errno, or 0 at the end. */
	ssize_t (*receive)(void *link, void *buffer, size_t size);
	void *link;
	/* Open: one complete record. */
	uint8_t *record; /* decrypted in place */
	size_t record_size;
	/* Open: TLS_SHORT bytes that last as long as the session; NULL: none. */
	uint8_t *short_body;
	/* What wants to be sent: appended by every call. */
	uint8_t *out;
	size_t out_size, out_used;
	struct region *region; /* the session's */
	/* wolfSSL kept a pointer into record or out: tls_free() must not be called. */
	bool abandoned;
	struct tls_peer *peer; /* during the handshake */
	/* What the receive function last said, to tell a reset from a bad record. */
	ssize_t received;
};

/* Whom we talk to; kept by the session, in memory as long-lived as the struct tls. */
struct tls_peer {
	const struct policy_rule *rule;
	const char *expected;   /* name to send and verify, or NULL */
	uint8_t address[16];    /* to verify where there is no name */
	bool verified;          /* set by the verify callback, and by nothing else */
	bool heard;             /* its first bytes have been looked at */
	enum registry_reason reason;
	int64_t expires;
	char names[256];        /* what was verified, comma separated, the matching one first */
};

/* ---- contexts: one a rule, built aside, immutable, private to the process ---------------- */

/* Loads the rule's identity.  NULL with findings when it cannot be used. */
struct tls_context *tls_context_new(const struct policy_rule *rule, struct policy_watch *watch,
                                    struct policy_findings *findings);
/* The last session that uses it keeps it alive; accepts NULL. */
void tls_context_free(struct tls_context *context);

/* ---- connections -------------------------------------------------------------------------- */

/* NULL when memory is out. */
struct tls *tls_new(struct tls_context *context, struct tls_peer *peer, struct tls_io *io);
/* Sends nothing.  Where io->abandoned was ever set, wiping the region has to do. */
void tls_free(struct tls *t, struct region *region);
/* For the process that made it, where others go on with it: the context is its own again. */
void tls_leave(struct tls *t);

enum tls_result tls_handshake(struct tls *t, struct tls_peer *peer, struct tls_io *io,
                              enum registry_reason *reason);

/* Decrypts io->record into dst (size at least the record's largest plaintext).  *got is 0 for a
 * record that carries nothing for the program (ticket, KeyUpdate). */
enum tls_result tls_open(struct tls *t, struct tls_io *io, void *dst, size_t size, size_t *got,
                         enum registry_reason *reason);

/* Encrypts into io->out: a record for each TLS_PLAIN bytes.  False only on internal failure. */
bool tls_seal(struct tls *t, struct tls_io *io, const void *src, size_t size);

/* A tls_io.short_body for a session that is open; NULL when its region is full. */
uint8_t *tls_short_body(struct region *region);

/* close_notify, once. */
void tls_goodbye(struct tls *t, struct tls_io *io);

/* Bytes a record is longer than its plaintext, at the least, as negotiated. */
size_t tls_overhead(struct tls *t);

struct tls_facts {
	const char *version, *cipher, *group;
	bool resumed;
};
struct tls_facts tls_describe(struct tls *t);

#endif
