/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An identity's files: read, checked against each other, made part of a TLS context. */
#include "shim/tls/context.h"

#include "shim/base/real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/cpuid.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

enum { FILE_MAX = 16 << 20, WARN_DAYS = 30 };

/* A file's contents in pages of their own: not in core dumps, wiped before they go. */
struct contents {
	unsigned char *bytes;
	size_t size;
	struct stat status;
};

static void drop(struct contents *c)
{
	if (c->bytes) {
		explicit_bzero(c->bytes, c->size);
		munmap(c->bytes, c->size + 1);
	}
}

static bool read_all(int fd, struct contents *c)
{
	if (fstat(fd, &c->status) < 0)
		return false;
	if (!S_ISREG(c->status.st_mode) || c->status.st_size > FILE_MAX) {
		errno = S_ISDIR(c->status.st_mode) ? EISDIR : EFBIG;
		return false;
	}
	size_t size = (size_t)c->status.st_size;
	c->bytes = mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->bytes == MAP_FAILED) {
		c->bytes = NULL;
		return false;
	}
	madvise(c->bytes, size + 1, MADV_DONTDUMP);
	c->size = size;
	for (size_t got = 0; got < size;) {
		ssize_t part = real.read(fd, c->bytes + got, size - got);
		if (part <= 0) {
			errno = part ? errno : EIO;
			return false;
		}
		got += (size_t)part;
	}
	return true;
}

static bool load_file(const struct policy_identity *id, struct policy_watch *watch,
                      const char *path, int line, const char *what, struct contents *c,
                      struct policy_findings *findings)
{
	int fd = watch ? policy_watch_open(watch, path) : open(path, O_RDONLY | O_CLOEXEC);
	bool fine = fd >= 0 && read_all(fd, c);
	int error = errno;
	if (fd >= 0)
		real.close(fd);
	if (!fine)
		policy_find(findings, POLICY_ERROR, id->file, line,
		            "%s \"%s\" cannot be read: %s", what, path, strerror(error));
	return fine;
}

/* RFC 7468: how many blocks of the kind are there? */
static size_t count_certificates(const struct contents *c)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	size_t count = 0;
	const char *at = (const char *)c->bytes; /* mmap'ed one byte longer: NUL-terminated */
	while ((at = strstr(at, begin))) {
		count++;
		at += sizeof begin - 1;
	}
	return count;
}

static bool check_key_mode(const struct policy_identity *id, const struct contents *key,
                           struct policy_findings *findings)
{
	unsigned mode = key->status.st_mode & 0777;
	if (id->unsafe_key_permissions || !(mode & 026))
		return true;
	policy_find(findings, POLICY_ERROR, id->file, id->key_line,
	            "key \"%s\" is open to others (mode %04o); run \"chmod 0600 %s\", "
	            "in Kubernetes set defaultMode: 0400, or set unsafe_key_permissions = true",
	            id->key, mode, id->key);
	return false;
}

static void describe_key(const DecodedCert *cert, char *text, size_t size)
{
	if (cert->keyOID == ECDSAk)
		snprintf(text, size, "EC P-%u", cert->pubKeySize >= 130 ? 521
		                                : cert->pubKeySize >= 96 ? 384 : 256);
	else if (cert->keyOID == RSAk)
		snprintf(text, size, "RSA %u",
		         (unsigned)(cert->pubKeySize > 500   ? 4096
		                    : cert->pubKeySize > 380 ? 3072 : 2048));
	else if (cert->keyOID == ED25519k)
		snprintf(text, size, "Ed25519");
	else
		snprintf(text, size, "other");
}

/* The leaf's dates and names. */
static bool check_leaf(const struct policy_identity *id, const struct contents *pem,
                       struct identity_facts *facts, struct policy_findings *findings)
{
	DerBuffer *der = NULL;
	DecodedCert *cert = XMALLOC(sizeof *cert, NULL, DYNAMIC_TYPE_DCERT);
	bool fine = false;
	if (!cert || wc_PemToDer(pem->bytes, (long)pem->size, CERT_TYPE, &der, NULL, NULL, NULL)) {
		policy_find(findings, POLICY_ERROR, id->file, id->certificate_line,
		            "certificate \"%s\" holds no PEM certificate", id->certificate);
		goto out;
	}
	wc_InitDecodedCert(cert, der->buffer, der->length, NULL);
	if (wc_ParseCert(cert, CERT_TYPE, NO_VERIFY, NULL) != 0) {
		policy_find(findings, POLICY_ERROR, id->file, id->certificate_line,
		            "certificate \"%s\" cannot be parsed", id->certificate);
		goto parsed;
	}
	int64_t now = time(NULL), from = verify_date(cert->beforeDate, cert->beforeDateLen);
	int64_t until = verify_date(cert->afterDate, cert->afterDateLen);
	if (facts) {
		facts->not_before = from;
		facts->not_after = until;
		if (cert->subjectCN)
			snprintf(facts->subject, sizeof facts->subject, "%.*s", cert->subjectCNLen,
			         cert->subjectCN);
		describe_key(cert, facts->key, sizeof facts->key);
	}
	fine = true;
	if (until < now || from > now) {
		policy_find(findings, POLICY_ERROR, id->file, id->certificate_line,
		            until < now
		                    ? "certificate \"%s\" has expired; peers will refuse it"
		                    : "certificate \"%s\" is not valid yet; is the clock right?",
		            id->certificate);
		fine = false;
	} else if (until - now < WARN_DAYS * 86400) {
		policy_find(findings, POLICY_WARNING, id->file, id->certificate_line,
		            "certificate \"%s\" expires in %d days", id->certificate,
		            (int)((until - now) / 86400));
	}
parsed:
	wc_FreeDecodedCert(cert);
out:
	wc_FreeDer(&der);
	XFREE(cert, NULL, DYNAMIC_TYPE_DCERT);
	return fine;
}

static bool use_pair(WOLFSSL_CTX *ctx, const struct policy_identity *id,
                     const struct contents *certificate, const struct contents *key,
                     struct policy_findings *findings)
{
	if (wolfSSL_CTX_use_certificate_chain_buffer(ctx, certificate->bytes,
	                                             (long)certificate->size) != WOLFSSL_SUCCESS) {
		policy_find(findings, POLICY_ERROR, id->file, id->certificate_line,
		            "certificate \"%s\" cannot be used", id->certificate);
		return false;
	}
	if (wolfSSL_CTX_use_PrivateKey_buffer(ctx, key->bytes, (long)key->size,
	                                      WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS) {
		policy_find(findings, POLICY_ERROR, id->file, id->key_line,
		            "key \"%s\" is no unencrypted PEM private key (PKCS#8, EC or RSA) that "
		            "fits certificate \"%s\"", id->key, id->certificate);
		return false;
	}
	if (wolfSSL_CTX_check_private_key(ctx) != WOLFSSL_SUCCESS) {
		policy_find(findings, POLICY_ERROR, id->file, id->key_line,
		            "key \"%s\" does not fit certificate \"%s\"", id->key, id->certificate);
		return false;
	}
	return true;
}

bool identity_load(WOLFSSL_CTX *ctx, const struct policy_identity *id, struct policy_watch *watch,
                   struct identity_facts *facts, struct policy_findings *findings)
{
	struct contents certificate = {0}, key = {0}, trust = {0};
	bool have_certificate = load_file(id, watch, id->certificate, id->certificate_line,
	                                  "certificate", &certificate, findings);
	bool have_key = load_file(id, watch, id->key, id->key_line, "key", &key, findings);
	bool have_trust = load_file(id, watch, id->trust, id->trust_line, "trust", &trust,
	                            findings);
	bool fine = have_certificate && have_key && have_trust;
	if (have_key)
		fine &= check_key_mode(id, &key, findings);
	if (have_certificate && check_leaf(id, &certificate, facts, findings)) {
		fine &= have_key && use_pair(ctx, id, &certificate, &key, findings);
		if (facts)
			facts->chain_length = count_certificates(&certificate);
	} else {
		fine = false;
	}
	if (have_trust && wolfSSL_CTX_load_verify_buffer(ctx, trust.bytes, (long)trust.size,
	                                                 WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS) {
		policy_find(findings, POLICY_ERROR, id->file, id->trust_line,
		            "trust \"%s\" holds no usable CA certificate (PEM, CA:TRUE, in date)",
		            id->trust);
		fine = false;
	}
	if (have_trust && facts)
		facts->trusted = count_certificates(&trust);
	drop(&certificate);
	drop(&key);
	drop(&trust);
	return fine;
}

bool identity_examine(const struct policy_identity *id, struct policy_watch *watch,
                      struct identity_facts *facts, struct policy_findings *findings)
{
	context_start();
	struct identity_facts unwanted;
	memset(facts ? facts : &unwanted, 0, sizeof unwanted);
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfTLS_server_method());
	bool fine = ctx && identity_load(ctx, id, watch, facts ? facts : &unwanted, findings);
	wolfSSL_CTX_free(ctx);
	return fine;
}

const char *tls_library(void)
{
	return "wolfSSL " LIBWOLFSSL_VERSION_STRING;
}

const char *tls_instructions(void)
{
	static char text[128];
	static const struct {
		cpuid_flags_t bit;
		const char *name;
	} sets[] = {
#ifdef CPUID_AESNI
		{CPUID_AESNI, "aesni"}, {CPUID_AVX1, "avx"}, {CPUID_AVX2, "avx2"},
		{CPUID_BMI2, "bmi2"}, {CPUID_ADX, "adx"}, {CPUID_RDSEED, "rdseed"},
#endif
#ifdef CPUID_PMULL
		{CPUID_AES, "aes"}, {CPUID_PMULL, "pmull"}, {CPUID_SHA256, "sha2"},
#endif
		{0, NULL},
	};
	cpuid_flags_t flags = cpuid_get_flags();
	text[0] = 0;
	for (size_t i = 0; sets[i].name; i++)
		if (flags & sets[i].bit)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
			         text[0] ? " " : "", sets[i].name);
	return text[0] ? text : "none";
}

bool tls_has_mlkem(void)
{
#ifdef WOLFSSL_HAVE_MLKEM
	return true;
#else
	return false;
#endif
}
