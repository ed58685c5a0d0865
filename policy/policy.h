/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy: which connections are sleeved, with which identity, and who the peer may be. */
#ifndef SLEEVE_POLICY_H
#define SLEEVE_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * A policy is an immutable snapshot of one parsed file.  It is built aside by policy_load(),
 * read by any number of threads without a lock, and released by policy_put() when the last user
 * is done; a reload builds another snapshot and swaps the pointer (policy/reload.h).  Nothing
 * here knows sockets or TLS: certificates are paths, addresses are bytes.
 *
 * All strings are UTF-8 as they stand in the file, NUL-terminated, owned by the snapshot.
 * No function here sets errno to mean anything or writes to a standard stream.
 */

enum policy_side { POLICY_CONNECT, POLICY_ACCEPT };
enum policy_mode { POLICY_STRICT, POLICY_PERMISSIVE, POLICY_PLAINTEXT, POLICY_DENY };
enum policy_profile { POLICY_MODERN, POLICY_INTERMEDIATE, POLICY_NIST };
enum policy_clients { POLICY_CLIENTS_REQUIRED, POLICY_CLIENTS_OPTIONAL, POLICY_CLIENTS_NONE };
enum policy_engine { POLICY_ENGINE_AUTO, POLICY_ENGINE_INLINE, POLICY_ENGINE_CARRIER };
enum policy_truncated { POLICY_TRUNCATED_ERROR, POLICY_TRUNCATED_EOF };

/* ---- findings: the error idiom of this folder ------------------------------------------- */

enum policy_severity { POLICY_WARNING, POLICY_ERROR };

struct policy_finding {
	enum policy_severity severity;
	const char *file;   /* as named by the user or an @include; freed with text */
	int line;           /* 1-based; 0 where the whole file is meant */
	char *text;         /* "what is wrong; what would be right", no newline, no secret */
};

struct policy_findings {
	struct policy_finding *list; /* in file order; at most 1000 */
	size_t count, errors;
};

/* printf-like; drops the finding silently when memory is out (errors is still counted). */
void policy_find(struct policy_findings *f, enum policy_severity severity, const char *file,
                 int line, const char *format, ...) __attribute__((format(printf, 5, 6)));
void policy_findings_clear(struct policy_findings *f);
/* One line each: "file:line: error|warning: text". */
void policy_findings_print(const struct policy_findings *f, FILE *out);

/* ---- the snapshot ------------------------------------------------------------------------ */

struct policy_identity {
	const char *name;
	const char *certificate, *key, *trust; /* paths, relative ones joined to the folder */
	const char *crl;                       /* NULL: none */
	bool unsafe_key_permissions;
	const char *file;                      /* where it is written, for messages */
	int line, certificate_line, key_line, trust_line;
	int unsafe_line;                       /* of unsafe_key_permissions; 0: not used */
	unsigned index;                        /* position in policy->identities */
};

enum policy_name_kind {
	POLICY_NAME_DNS,
	POLICY_NAME_IP,
	POLICY_NAME_URI,
	POLICY_NAME_CN,
	POLICY_NAME_SPKI
};

struct policy_peer {
	enum policy_name_kind kind;
	const char *text;     /* as written, e.g. "uri:spiffe://prod/shop" */
	const char *pattern;  /* after the prefix */
	uint8_t bytes[32];    /* ip: 16 bytes, v4 mapped to v6; spki: SHA-256 */
};

struct policy_rule {
	const char *name, *file;
	int line;
	unsigned index;                        /* position in policy->rules */
	enum policy_side side;
	enum policy_mode mode;
	const struct policy_identity *identity; /* NULL only for plaintext and deny */
	enum policy_profile profile;
	enum policy_clients clients;           /* REQUIRED wherever peers are named */
	enum policy_truncated truncated;
	enum policy_engine engine;
	unsigned handshake_timeout_ms;
	const char *server_name;               /* NULL: the name the program resolved */
	const struct policy_peer *peers;
	size_t peer_count;
	bool verified_connect;
	bool inherit;                          /* programs that are started are sleeved, too */
	bool unsafe_skip_verification;
	int unsafe_line;                       /* of the unsafe_* key; 0: none used */
	const struct policy_match *match;      /* private to policy/match.c */
};

struct policy {
	const char *path;
	const struct policy_identity *identities;
	size_t identity_count;
	const struct policy_rule *rules;
	size_t rule_count;
	enum policy_mode unmatched;            /* POLICY_PLAINTEXT or POLICY_DENY */
	int unmatched_line;                    /* of defaults.unmatched; 0: not set */
	const struct policy_source *files;     /* all files read, the policy first; for the watch */
	size_t file_count;
	void *storage;                         /* private to policy/parse.c */
};

/*
 * Parses and checks `path`.  Returns a snapshot owned by the caller, or NULL when findings hold
 * an error; warnings alone do not stop it.  Reads files through `dirfd` (a directory descriptor
 * of the policy's folder, so that chroot is survived) when it is not -1: then the base name of
 * `path` is opened there.  Opens nothing but the policy and its @include files; identity files
 * are examined by identity_load() of shim/tls, which reports into the same findings.
 */
struct policy *policy_load(const char *path, int dirfd, struct policy_findings *findings);
void policy_free(struct policy *p); /* accepts NULL */

/* Semantic checks beyond what policy_load() refuses: unreachable rules, name-only rules without
 * a deny behind them, every use of unsafe_*.  Adds warnings. */
void policy_review(const struct policy *p, struct policy_findings *findings);

/* ---- matching ---------------------------------------------------------------------------- */

struct policy_program {
	const char *exe;      /* real path of the executable */
	const char *command;  /* whole command line, arguments joined by one space */
	const char *service;  /* SLEEVE_SERVICE or NULL */
	uid_t uid;            /* effective, at the moment of asking */
};

struct policy_flow {
	enum policy_side side;
	uint8_t address[16];        /* the other end; IPv4 as ::ffff:a.b.c.d, network order */
	bool no_address;            /* only the names are known; `policy explain` may ask so */
	uint16_t port;              /* connect: remote port; accept: local port; host order */
	const char *const *names;   /* names the program resolved to this address, latest first */
	size_t name_count;
};

struct policy_verdict {
	enum policy_mode mode;
	const struct policy_rule *rule; /* NULL: no rule matched, mode is policy->unmatched */
	const char *name;               /* the one a host-name rule matched, else names[0] */
};

struct policy_verdict policy_decide(const struct policy *p,
                                    const struct policy_program *program,
                                    const struct policy_flow *flow);

/* Could any rule of this side and mode apply to the program, whatever the address and the user?
 * Used at start: what no rule names must cost nothing. */
bool policy_concerns(const struct policy *p, const struct policy_program *program,
                     enum policy_side side, enum policy_mode mode);

/* Could this one rule apply to the program, whatever the address and the user? */
bool policy_rule_concerns(const struct policy_rule *rule, const struct policy_program *program);

/* For `policy explain`: why `rule` does not match, as "port 6380 is not in `ports`", written into
 * buffer; NULL if it does. */
const char *policy_why_not(const struct policy_rule *rule,
                           const struct policy_program *program,
                           const struct policy_flow *flow, char *buffer, size_t size);

/* sockaddr_in or sockaddr_in6 to the 16 bytes of policy_flow.address; false for other families. */
bool policy_address(const struct sockaddr *sa, socklen_t length, uint8_t address[16],
                    uint16_t *port);

/* ---- who the peer is (policy/peer.c) ------------------------------------------------------ */

/* The names one verified leaf certificate carries.  Filled by shim/tls, which owns the memory.
 * Names with an embedded NUL byte are never put here. */
struct policy_names {
	const char *const *dns; size_t dns_count;
	const char *const *uri; size_t uri_count;
	const uint8_t (*ip)[16]; size_t ip_count;
	const char *cn;                 /* NULL: none */
	uint8_t spki[32];               /* SHA-256 of the SubjectPublicKeyInfo */
};

/*
 * Does a peer with these names satisfy the rule?  Any pattern of rule->peers suffices.  Without
 * patterns: on connect the certificate must carry `expected` (rule->server_name, or the name the
 * program resolved), or, where that is NULL, `address`; on accept any verified peer is welcome.
 * Returns the name that matched, for the registry ("dns:cache.internal"), in buffer, or NULL.
 * Where any verified peer is welcome, that is its first name, or "verified" if it has none.
 * RFC 6125 section 6.4 for DNS names: case-insensitive, "*" only as the whole left-most label of
 * the certificate's name and for exactly one label; the CN is never consulted except by cn:.
 */
const char *policy_peer_accept(const struct policy_rule *rule, const char *expected,
                               const uint8_t address[16], const struct policy_names *names,
                               char *buffer, size_t size);

/* "strict", "connect", "modern" ...: the words of the policy language. */
const char *policy_mode_name(enum policy_mode mode);
const char *policy_side_name(enum policy_side side);
const char *policy_profile_name(enum policy_profile profile);

#endif
