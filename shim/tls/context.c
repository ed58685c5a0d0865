/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS contexts: what all connections of one rule have in common. */
#include "shim/tls/context.h"

#include "shim/tls/gate.h"

#include <pthread.h>
#include <string.h>
#include <wolfssl/wolfcrypt/types.h>

/*
 * The context of a rule is never changed once made: sessions keep raw pointers into its
 * certificate and key, so a reload makes another and lets the last session free this one.
 */
struct tls_context {
	WOLFSSL_CTX *ctx;
	const struct policy_rule *rule;
};

static void start(void)
{
	wolfSSL_Init();
}

void context_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start);
}

/*
 * AES-128 first: about a fifth faster than AES-256 and no weaker in any way that matters here
 * (Mozilla's "modern" and RFC 8446 section 9.1 name it first too).  nist: SP 800-52r2 section
 * 3.3.1 leaves ChaCha20 out.
 */
static const char *ciphers_of(enum policy_profile profile)
{
	switch (profile) {
	case POLICY_NIST:
		return "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384";
	case POLICY_INTERMEDIATE:
		return "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:"
		       "TLS13-CHACHA20-POLY1305-SHA256:"
		       "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
		       "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
		       "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
	default:
		return "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:"
		       "TLS13-CHACHA20-POLY1305-SHA256";
	}
}

static bool set_groups(WOLFSSL_CTX *ctx, enum policy_profile profile)
{
	static int usual[] = {WOLFSSL_X25519MLKEM768, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1,
	                      WOLFSSL_ECC_SECP384R1};
	static int nist[] = {WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1, WOLFSSL_ECC_SECP521R1};
	if (profile == POLICY_NIST)
		return wolfSSL_CTX_set_groups(ctx, nist, 3) == WOLFSSL_SUCCESS;
	return wolfSSL_CTX_set_groups(ctx, usual, 4) == WOLFSSL_SUCCESS;
}

static int verify_mode(const struct policy_rule *rule)
{
	if (rule->side == POLICY_CONNECT)
		return WOLFSSL_VERIFY_PEER;
	if (rule->clients == POLICY_CLIENTS_REQUIRED || rule->peer_count)
		return WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	return rule->clients == POLICY_CLIENTS_OPTIONAL ? WOLFSSL_VERIFY_PEER : WOLFSSL_VERIFY_NONE;
}

static WOLFSSL_METHOD *method_of(const struct policy_rule *rule)
{
	bool only13 = rule->profile == POLICY_MODERN;
	if (rule->side == POLICY_CONNECT)
		return only13 ? wolfTLSv1_3_client_method() : wolfTLS_client_method();
	return only13 ? wolfTLSv1_3_server_method() : wolfTLS_server_method();
}

/* Nothing is left to a default of the library: version, suites, groups, verification, cache. */
static bool set_up(WOLFSSL_CTX *ctx, const struct policy_rule *rule)
{
	wolfSSL_CTX_set_verify(ctx, verify_mode(rule), verify_callback);
	wolfSSL_CTX_SetIORecv(ctx, tls_receive_callback);
	wolfSSL_CTX_SetIOSend(ctx, tls_send_callback);
	wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
	wolfSSL_CTX_set_group_messages(ctx);
	/* Tickets would also make wolfSSL keep things for the context in a session's memory. */
	if (rule->side == POLICY_ACCEPT) {
		wolfSSL_CTX_no_ticket_TLSv13(ctx);
		wolfSSL_CTX_NoTicketTLSv12(ctx);
	}
	if (rule->profile != POLICY_MODERN &&
	    wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS)
		return false;
	return wolfSSL_CTX_set_cipher_list(ctx, ciphers_of(rule->profile)) == WOLFSSL_SUCCESS &&
	       set_groups(ctx, rule->profile);
}

static struct tls_context *make(const struct policy_rule *rule, struct policy_watch *watch,
                                struct policy_findings *findings)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method_of(rule));
	struct tls_context *context = XMALLOC(sizeof *context, NULL, DYNAMIC_TYPE_CTX);
	if (!ctx || !context || !set_up(ctx, rule)) {
		policy_find(findings, POLICY_ERROR, rule->file, rule->line,
		            "rule \"%s\": no TLS context can be made; is memory out?", rule->name);
	} else if (identity_load(ctx, rule->identity, watch, NULL, findings)) {
		/* Of peers, from here on: NIST SP 800-131A allows no less. */
		wolfSSL_CTX_SetMinRsaKey_Sz(ctx, 2048);
		*context = (struct tls_context){ctx, rule};
		return context;
	}
	wolfSSL_CTX_free(ctx);
	XFREE(context, NULL, DYNAMIC_TYPE_CTX);
	return NULL;
}

struct tls_context *tls_context_new(const struct policy_rule *rule, struct policy_watch *watch,
                                    struct policy_findings *findings)
{
	context_start();
	gate_enter();
	struct tls_context *context = make(rule, watch, findings);
	gate_leave();
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	gate_enter();
	wolfSSL_CTX_free(context->ctx);
	XFREE(context, NULL, DYNAMIC_TYPE_CTX);
	gate_leave();
}

/* RFC 6066 section 3: server_name carries DNS names only, never addresses. */
static bool is_dns_name(const char *name)
{
	return name && strspn(name, "0123456789.") != strlen(name) && !strchr(name, ':');
}

/*
 * Key shares for the hybrid group and for X25519: the second spares a HelloRetryRequest round
 * trip with peers that have no ML-KEM.
 */
static bool set_client(WOLFSSL *ssl, const struct tls_peer *peer)
{
	const char *name = peer->expected;
	if (is_dns_name(name) && wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, name,
	                                        (unsigned short)strlen(name)) != WOLFSSL_SUCCESS)
		return false;
	if (peer->rule->profile == POLICY_NIST)
		return wolfSSL_UseKeyShare(ssl, WOLFSSL_ECC_SECP256R1) == WOLFSSL_SUCCESS;
	return wolfSSL_UseKeyShare(ssl, WOLFSSL_X25519MLKEM768) == WOLFSSL_SUCCESS &&
	       wolfSSL_UseKeyShare(ssl, WOLFSSL_ECC_X25519) == WOLFSSL_SUCCESS;
}

WOLFSSL *context_connection(struct tls_context *context, struct tls_peer *peer)
{
	WOLFSSL *ssl = wolfSSL_new(context->ctx);
	if (!ssl)
		return NULL;
	wolfSSL_SetCertCbCtx(ssl, peer);
	if (context->rule->side == POLICY_CONNECT && !set_client(ssl, peer)) {
		wolfSSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/*
 * The verify callback set peer->verified for a chain and a name it accepted.  Without it only a
 * rule that asks nothing of its clients may go on, and one whose danger is spelled out.
 */
bool context_authenticated(WOLFSSL *ssl, const struct tls_peer *peer)
{
	(void)ssl;
	const struct policy_rule *rule = peer->rule;
	if (peer->verified || rule->unsafe_skip_verification)
		return true;
	return rule->side == POLICY_ACCEPT && !rule->peer_count &&
	       rule->clients != POLICY_CLIENTS_REQUIRED && peer->reason == REGISTRY_NONE;
}
