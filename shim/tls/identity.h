/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An identity's files: read, checked against each other, ready to be made into a TLS context. */
#ifndef SLEEVE_TLS_IDENTITY_H
#define SLEEVE_TLS_IDENTITY_H

#include "policy/policy.h"
#include "policy/reload.h"

#include <stdint.h>

/* What a person wants to know of an identity; for `sleeve policy check` and audit. */
struct identity_facts {
	int64_t not_before, not_after; /* of the leaf, UNIX seconds */
	char subject[256];             /* common name of the leaf, unescaped */
	char key[32];                  /* "EC P-256", "RSA 2048", "Ed25519" */
	size_t chain_length;           /* certificates in the file */
	size_t trusted;                /* CA certificates in trust */
};

/*
 * Reads certificate, key and trust of `id` (through `watch` where it is not NULL, else by path),
 * and reports every trouble as a finding at the line of the key concerned: a missing or
 * unreadable file, no PEM inside, a key open to group or world (unless unsafe_key_permissions), a
 * key that does not fit the certificate, an expired or not yet valid leaf, expiry within 30 days
 * (warning), a trust file without a CA.  Returns false when an error was reported.  `facts` may be
 * NULL.  No secret stays in memory after return.
 */
bool identity_examine(const struct policy_identity *id, struct policy_watch *watch,
                      struct identity_facts *facts, struct policy_findings *findings);

/* "wolfSSL 5.9.2", the CPU instruction sets in use ("aesni avx2 ..."), and whether X25519MLKEM768
 * is offered; for `sleeve --version`.  Static strings. */
const char *tls_library(void);
const char *tls_instructions(void);
bool tls_has_mlkem(void);

#endif
