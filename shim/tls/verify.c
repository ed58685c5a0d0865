/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judging the peer's certificate: the chain is wolfSSL's verdict, the names are ours. */
#include "shim/tls/context.h"
#include "shim/tls/memory.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/types.h>

/*
 * wolfSSL's own name check is not used: wolfSSL_check_domain_name() answers "fine" for single
 * labels and addresses without looking.  The callback runs for every error in the chain and, the
 * library being built with WOLFSSL_ALWAYS_VERIFY_CB, once for the leaf when all is well.
 */
enum { NAMES_MAX = 64, TEXT_MAX = 8192, SPKI_MAX = 4096 };

/* Everything the matcher looks at, in one allocation: handshakes run on the program's stack. */
struct workspace {
	DecodedCert cert;
	const char *dns[NAMES_MAX], *uri[NAMES_MAX];
	uint8_t ip[NAMES_MAX][16];
	char text[TEXT_MAX];
	size_t text_used;
	uint8_t spki[SPKI_MAX];
	struct policy_names names;
};

/* RFC 6125 section 6.2: a name with a NUL inside is an attack, not a name. */
static const char *keep_text(struct workspace *w, const char *name, int length)
{
	if (length <= 0 || memchr(name, 0, (size_t)length) ||
	    (size_t)length + 1 > TEXT_MAX - w->text_used)
		return NULL;
	char *copy = w->text + w->text_used;
	memcpy(copy, name, (size_t)length);
	copy[length] = 0;
	w->text_used += (size_t)length + 1;
	return copy;
}

static void keep_text_in(struct workspace *w, const char **list, size_t *count, const DNS_entry *e)
{
	const char *text = *count < NAMES_MAX ? keep_text(w, e->name, e->len) : NULL;
	if (text)
		list[(*count)++] = text;
}

static void keep_address(struct workspace *w, const DNS_entry *e)
{
	if (w->names.ip_count == NAMES_MAX)
		return;
	uint8_t *ip = w->ip[w->names.ip_count];
	if (e->len == 16) {
		memcpy(ip, e->name, 16);
	} else if (e->len == 4) {
		memset(ip, 0, 10);
		memset(ip + 10, 0xff, 2);
		memcpy(ip + 12, e->name, 4);
	} else {
		return;
	}
	w->names.ip_count++;
}

static void collect_names(struct workspace *w)
{
	for (const DNS_entry *e = w->cert.altNames; e; e = e->next) {
		if (e->type == ASN_DNS_TYPE)
			keep_text_in(w, w->dns, &w->names.dns_count, e);
		else if (e->type == ASN_URI_TYPE)
			keep_text_in(w, w->uri, &w->names.uri_count, e);
		else if (e->type == ASN_IP_TYPE)
			keep_address(w, e);
	}
	w->names.dns = w->dns;
	w->names.uri = w->uri;
	w->names.ip = (const uint8_t(*)[16])w->ip;
	if (w->cert.subjectCN)
		w->names.cn = keep_text(w, w->cert.subjectCN, w->cert.subjectCNLen);
}

/* All the names a verified peer has, the one that the rule accepted first. */
static void note_names(struct tls_peer *peer, const struct policy_names *names, const char *first)
{
	size_t used = (size_t)snprintf(peer->names, sizeof peer->names, "%s", first);
	for (size_t i = 0; i < names->dns_count + names->uri_count; i++) {
		bool dns = i < names->dns_count;
		const char *name = dns ? names->dns[i] : names->uri[i - names->dns_count];
		char item[300];
		int length = snprintf(item, sizeof item, "%s:%s", dns ? "dns" : "uri", name);
		if (strcmp(item, first) == 0 || length >= (int)sizeof item ||
		    used + (size_t)length + 2 > sizeof peer->names)
			continue;
		used += (size_t)snprintf(peer->names + used, sizeof peer->names - used, "%s%s",
		                         used ? "," : "", item);
	}
}

int64_t verify_date(const unsigned char *date, int length)
{
	const unsigned char *digits;
	unsigned char format;
	int size;
	struct tm calendar = {0};
	if (!date || wc_GetDateInfo(date, length, &digits, &format, &size) != 0 ||
	    wc_GetDateAsCalendarTime(digits, size, format, &calendar) != 0)
		return 0;
	return timegm(&calendar);
}

/* What can be forged (RFC 9155; NIST SP 800-131A). */
static bool is_weak(word32 signature)
{
	return signature == CTC_SHAwRSA || signature == CTC_SHAwECDSA || signature == CTC_SHAwDSA ||
	       signature == CTC_MD5wRSA || signature == CTC_MD2wRSA;
}

static bool judge_names(struct tls_peer *peer, const unsigned char *der, unsigned size)
{
	struct workspace *w = XMALLOC(sizeof *w, NULL, DYNAMIC_TYPE_TMP_BUFFER);
	if (!w) {
		peer->reason = REGISTRY_NO_MEMORY;
		return false;
	}
	memset(w, 0, sizeof *w);
	bool accepted = false;
	wc_InitDecodedCert(&w->cert, der, size, NULL);
	word32 spki_size = SPKI_MAX;
	if (wc_ParseCert(&w->cert, CERT_TYPE, NO_VERIFY, NULL) != 0 ||
	    wc_GetSubjectPubKeyInfoDerFromCert(der, size, w->spki, &spki_size) != 0 ||
	    wc_Sha256Hash(w->spki, spki_size, w->names.spki) != 0 ||
	    is_weak(w->cert.signatureOID)) {
		peer->reason = REGISTRY_PEER_BAD_CERTIFICATE;
	} else {
		char matched[300];
		collect_names(w);
		const char *name = policy_peer_accept(peer->rule, peer->expected, peer->address,
		                                      &w->names, matched, sizeof matched);
		peer->expires = verify_date(w->cert.afterDate, w->cert.afterDateLen);
		accepted = name != NULL;
		note_names(peer, &w->names, name ? name : "");
		if (!accepted)
			peer->reason = REGISTRY_PEER_NAME_MISMATCH;
	}
	wc_FreeDecodedCert(&w->cert);
	XFREE(w, NULL, DYNAMIC_TYPE_TMP_BUFFER);
	return accepted;
}

static enum registry_reason reason_of(int error)
{
	switch (error) {
	case ASN_NO_SIGNER_E:
	case ASN_SELF_SIGNED_E:
	case ASN_SIG_CONFIRM_E:
	case ASN_PATHLEN_SIZE_E:
	case ASN_PATHLEN_INV_E:
	case NOT_CA_ERROR:
		return REGISTRY_PEER_UNTRUSTED;
	case ASN_AFTER_DATE_E:
		return REGISTRY_PEER_EXPIRED;
	case ASN_BEFORE_DATE_E:
		return REGISTRY_PEER_NOT_YET_VALID;
	case CRL_CERT_REVOKED:
		return REGISTRY_PEER_REVOKED;
	case KEYUSE_SIGNATURE_E:
	case KEYUSE_ENCIPHER_E:
	case EXTKEYUSE_AUTH_E:
		return REGISTRY_PEER_KEY_USAGE;
	case ASN_NAME_INVALID_E:
		return REGISTRY_PEER_NAME_MISMATCH;
	default:
		return REGISTRY_PEER_BAD_CERTIFICATE;
	}
}

/* wolfSSL takes a certificate that nobody asked for, and does not look at its chain. */
static bool asked_for(const struct policy_rule *rule)
{
	return rule->side == POLICY_CONNECT || rule->peer_count ||
	       rule->clients != POLICY_CLIENTS_NONE;
}

int verify_callback(int verified, WOLFSSL_X509_STORE_CTX *store)
{
	struct tls_peer *peer = store->userCtx;
	if (!asked_for(peer->rule)) {
		peer->reason = REGISTRY_PEER_BAD_CERTIFICATE;
		return 0;
	}
	if (!verified) {
		peer->reason = reason_of(store->error);
		return peer->rule->unsafe_skip_verification;
	}
	if (store->error_depth != 0 || store->totalCerts < 1)
		return 1;
	if (peer->reason != REGISTRY_NONE) /* an error that was skipped */
		return peer->rule->unsafe_skip_verification;
	peer->verified = judge_names(peer, store->certs[0].buffer, store->certs[0].length);
	return peer->verified || peer->rule->unsafe_skip_verification;
}
