/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry file, byte for byte: shared by the shim that writes it and the tools that read it. */
#ifndef SLEEVE_REGISTRY_LAYOUT_H
#define SLEEVE_REGISTRY_LAYOUT_H

#include <stdint.h>

#define REGISTRY_MAGIC   "SLEEVREG"
#define REGISTRY_VERSION 1

enum registry_side { REGISTRY_CONNECT, REGISTRY_ACCEPT };
enum registry_verdict { REGISTRY_TLS, REGISTRY_PLAINTEXT, REGISTRY_PENDING, REGISTRY_REFUSED };
enum registry_engine { REGISTRY_INLINE, REGISTRY_CARRIER };

/* Why a verdict is what it is.  The words are an interface: JSON, log and manual use them. */
#define REGISTRY_REASONS(X) \
	X(NONE, "") \
	X(RULE, "rule")                         /* a rule said so */ \
	X(NO_RULE, "no_rule")                   /* no rule matched */ \
	X(NO_POLICY, "no_policy")               /* the policy is missing or does not parse */ \
	X(HANDSHAKE, "handshake")               /* not finished yet */ \
	X(HANDSHAKE_TIMEOUT, "handshake_timeout") \
	X(NOT_TLS, "not_tls")                   /* the peer does not speak TLS */ \
	X(PEER_UNTRUSTED, "peer_untrusted")     /* no chain to the identity's trust */ \
	X(PEER_EXPIRED, "peer_expired") \
	X(PEER_NOT_YET_VALID, "peer_not_yet_valid") \
	X(PEER_REVOKED, "peer_revoked") \
	X(PEER_NAME_MISMATCH, "peer_name_mismatch") \
	X(PEER_KEY_USAGE, "peer_key_usage") \
	X(PEER_BAD_CERTIFICATE, "peer_bad_certificate") \
	X(NO_CLIENT_CERTIFICATE, "no_client_certificate") \
	X(NO_COMMON_PARAMETERS, "no_common_parameters") /* version, cipher or group */ \
	X(PEER_ALERT, "peer_alert")             /* the peer refused us with an alert */ \
	X(PEER_CLOSED, "peer_closed")           /* FIN or reset before the handshake was done */ \
	X(TRUNCATED, "truncated")               /* FIN without close_notify */ \
	X(BAD_RECORD, "bad_record")             /* a record that does not decrypt or does not parse */ \
	X(RESET, "reset")                       /* TCP reset after the handshake */ \
	X(IDENTITY, "identity")                 /* our own certificate or key cannot be used */ \
	X(NO_MEMORY, "no_memory") \
	X(HOLDER_DIED, "holder_died")           /* a process died inside the session's lock */ \
	X(CARRIER_NEEDED, "carrier_needed")     /* what was asked needs a carrier */ \
	X(INHERITED, "inherited")               /* begun before exec; this image cannot carry it */ \
	X(DESCRIPTOR_TOO_HIGH, "descriptor_too_high") \
	X(BYPASS, "bypass")                     /* bytes went past Sleeve */ \
	X(INTERNAL, "internal")

enum registry_reason {
#define X(name, text) REGISTRY_##name,
	REGISTRY_REASONS(X)
#undef X
	REGISTRY_REASON_COUNT
};

/*
 * Hot fields first, then the text.  Fixed width, no pointers, no secrets.
 * The rest of the layout (file header, slot text, counters by rule and reason, ...) is below.
 */
struct registry_slot {
	uint64_t bytes_in, bytes_out; /* plaintext, as the program saw it */
	uint64_t wire_in, wire_out;   /* ciphertext, as handed to or taken from the kernel */
	uint32_t sequence;            /* odd while being written */
	uint32_t live;                /* 0 free, 1 live, 2 closed */
	/* TO BE COMPLETED by shim/registry: id, pid, times, addresses, cookie, texts ... */
};

#endif
