/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry file, byte for byte: shared by the shim, which writes it, and the tools. */
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
	X(RULE, "rule")           /* a rule said so */ \
	X(NO_RULE, "no_rule")     /* no rule matched */ \
	X(NO_POLICY, "no_policy") /* the policy is missing or does not parse */ \
	X(HANDSHAKE, "handshake") /* not finished yet */ \
	X(HANDSHAKE_TIMEOUT, "handshake_timeout") \
	X(NOT_TLS, "not_tls")               /* the peer does not speak TLS */ \
	X(PEER_UNTRUSTED, "peer_untrusted") /* no chain to the identity's trust */ \
	X(PEER_EXPIRED, "peer_expired") \
	X(PEER_NOT_YET_VALID, "peer_not_yet_valid") \
	X(PEER_REVOKED, "peer_revoked") \
	X(PEER_NAME_MISMATCH, "peer_name_mismatch") \
	X(PEER_KEY_USAGE, "peer_key_usage") \
	X(PEER_BAD_CERTIFICATE, "peer_bad_certificate") \
	X(NO_CLIENT_CERTIFICATE, "no_client_certificate") \
	X(NO_COMMON_PARAMETERS, "no_common_parameters") /* version, cipher or group */ \
	X(PEER_ALERT, "peer_alert")                     /* the peer refused us with an alert */ \
	X(PEER_CLOSED, "peer_closed") /* FIN or reset before the handshake was done */ \
	X(TRUNCATED, "truncated")     /* FIN without close_notify */ \
	X(BAD_RECORD, "bad_record")   /* a record that does not decrypt or does not parse */ \
	X(RESET, "reset")             /* TCP's, or another error of the kernel */ \
	X(IDENTITY, "identity")       /* our own certificate or key cannot be used */ \
	X(NO_MEMORY, "no_memory") \
	X(HOLDER_DIED, "holder_died")       /* a process died inside the session's lock */ \
	X(CARRIER_NEEDED, "carrier_needed") /* what was asked needs a carrier */ \
	X(INHERITED, "inherited")           /* begun before exec; this image cannot carry it */ \
	X(DESCRIPTOR_TOO_HIGH, "descriptor_too_high") \
	X(BYPASS, "bypass") /* bytes went past Sleeve */ \
	X(INTERNAL, "internal")

enum registry_reason {
#define X(name, text) REGISTRY_##name,
	REGISTRY_REASONS(X)
#undef X
		REGISTRY_REASON_COUNT
};

/* A slot's life.  TAKEN is a slot being filled: readers pass over it. */
enum registry_life { REGISTRY_FREE, REGISTRY_LIVE, REGISTRY_CLOSED, REGISTRY_TAKEN };

/*
 * The file, in order, all numbers in the machine's byte order:
 *
 *	0          struct registry_header
 *	1024       REGISTRY_COUNTERS times struct registry_counter
 *	16384      header.slot_count times struct registry_slot
 *
 * It is sparse: pages are given storage when first needed, slots are taken from the front.
 * Everything is 8-byte words at multiples of 8 (a text is whole words too), so that both sides can
 * move it with word-sized atomics.  Texts are NUL-terminated unless the file lies.
 * A text that was too long ends in "...".
 */
#define REGISTRY_SUFFIX          ".sleeve"
#define REGISTRY_SLOTS           65536
#define REGISTRY_COUNTERS        137
#define REGISTRY_COUNTERS_OFFSET 1024
#define REGISTRY_SLOTS_OFFSET    16384

/* How many closed connections stay readable before their slots are taken again. */
#define REGISTRY_HISTORY 1024

/* How long, in seconds, the file of a dead family is kept for its refused connections. */
#define REGISTRY_KEEP 600

typedef uint64_t __attribute__((may_alias)) registry_word;

struct registry_header {
	char magic[8]; /* REGISTRY_MAGIC without its NUL; written last */
	uint32_t version;
	uint32_t slot_size;     /* sizeof(struct registry_slot) */
	uint32_t slot_count;    /* that the file has room for */
	uint32_t counter_count; /* REGISTRY_COUNTERS */
	uint32_t pid, uid;      /* of the process that made the file */
	uint64_t start_ticks;   /* its start, as in field 22 of /proc/PID/stat */
	uint64_t pid_namespace; /* inode of /proc/self/ns/pid: where its pids mean something */
	int64_t created;        /* as registry_slot.opened */
	int64_t last_refused;   /* when a connection was last refused; 0 never */
	uint64_t serial;        /* connections so far; the last part of the next id */
	uint32_t used;          /* slots ever taken: no slot at or above is in use */
	uint32_t ready;         /* slots whose storage is there */
	int32_t closed;         /* slots in state CLOSED, give or take */
	uint32_t hand;          /* where the search for a closed slot goes on */
	uint64_t uncounted;     /* outcomes that found no room among the counters */
	char boot_id[40];       /* /proc/sys/kernel/random/boot_id */
	char service[96];       /* SLEEVE_SERVICE, "" if none */
	char program[512];      /* real path of the executable */
};

/* How often one outcome was reached, for connections whose slots are long gone too.  A session
 * that was TLS and is then truncated counts under both.  Two rows for one outcome are added up. */
struct registry_counter {
	uint32_t state;  /* 0 free, 1 being claimed, 2 in use */
	uint8_t verdict; /* enum registry_verdict */
	uint8_t unused;
	uint16_t reason; /* enum registry_reason */
	uint64_t count;
	char rule[96]; /* "" where no rule matched */
};

struct registry_end {
	uint8_t address[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
	uint16_t port;       /* host order */
	uint8_t family;      /* of the socket: 4 or 6; 0 while unknown */
	uint8_t unused;
	uint32_t scope; /* sin6_scope_id */
};

/* Hot fields first, then the text.  Fixed width, no pointers, no secrets. */
struct registry_slot {
	uint64_t bytes_in, bytes_out; /* plaintext, as the program saw it */
	uint64_t wire_in, wire_out;   /* ciphertext, as handed to or taken from the kernel */
	uint32_t sequence;            /* odd while being written; covers all below */
	uint32_t live;                /* enum registry_life */
	int64_t opened, closed;       /* CLOCK_REALTIME, nanoseconds; closed 0 while live */
	int64_t established;          /* when the handshake was done; 0 not yet */
	uint64_t cookie;              /* SO_COOKIE; 0 unknown */
	int64_t peer_expires;         /* UNIX seconds; 0 unknown */
	int64_t bypass;               /* the kernel's payload minus wire, when last compared */
	struct registry_end local, remote;
	uint32_t pid, uid;       /* who holds it now; the effective user when it was opened */
	int32_t fd;              /* its number at birth */
	uint16_t reason;         /* enum registry_reason */
	uint8_t side, verdict;   /* enum registry_side, registry_verdict */
	uint8_t engine, resumed; /* enum registry_engine; 0 or 1 */
	uint8_t shared;          /* 1: a fork has copied it, others than pid may hold it, too */
	uint8_t unused[5];
	char id[32];    /* "PID-N", unique in its run directory */
	char state[16]; /* of the session: "handshaking", "open", ... */
	char mode[16];  /* of the rule: "strict", "deny", ... */
	char tls[16];   /* "TLSv1.3" */
	char cipher[48];
	char group[24];
	char rule[96];  /* "" where no rule matched */
	char peer[360]; /* verified names, comma separated */
};

_Static_assert(sizeof(struct registry_header) <= REGISTRY_COUNTERS_OFFSET, "header too long");
_Static_assert(sizeof(struct registry_counter) == 112, "counters are packed");
_Static_assert(REGISTRY_COUNTERS_OFFSET + REGISTRY_COUNTERS * 112 <= REGISTRY_SLOTS_OFFSET,
               "counters run into the slots");
_Static_assert(sizeof(struct registry_slot) == 768, "slots are packed");

#endif
