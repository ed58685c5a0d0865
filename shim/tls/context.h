/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contexts and certificates: the private side of shim/tls. */
#ifndef SLEEVE_TLS_CONTEXT_H
#define SLEEVE_TLS_CONTEXT_H

#include "shim/tls/identity.h"
#include "shim/tls/tls.h"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

/* wolfSSL_Init, once a process; any thread. */
void context_start(void);

/* A WOLFSSL for one connection of this context, with its name, groups and peer set. */
WOLFSSL *context_connection(struct tls_context *context, struct tls_peer *peer);

/*
 * Has the peer proved who it is, as far as the rule asks?  The last gate before application data.
 */
bool context_authenticated(WOLFSSL *ssl, const struct tls_peer *peer);

/* identity.c: the identity's files into a context, with findings; see identity_examine(). */
bool identity_load(WOLFSSL_CTX *ctx, const struct policy_identity *id, struct policy_watch *watch,
                   struct identity_facts *facts, struct policy_findings *findings);

/* verify.c: wolfSSL's verify callback; judges chain errors and, for the leaf, names. */
int verify_callback(int verified, WOLFSSL_X509_STORE_CTX *store);

/* A certificate's date as UNIX seconds, 0 if it cannot be read. */
int64_t verify_date(const unsigned char *date, int length);

/* tls.c */
int tls_receive_callback(WOLFSSL *ssl, char *buffer, int size, void *ctx);
int tls_send_callback(WOLFSSL *ssl, char *buffer, int size, void *ctx);

#endif
