/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry, as the shim writes it: one slot a connection, readable from outside at any time. */
#ifndef SLEEVE_REGISTRY_WRITER_H
#define SLEEVE_REGISTRY_WRITER_H

#include "shim/registry/layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * One file a program family (a process and what it forks without exec) in the run directory,
 * created at the first TCP connection and mapped MAP_SHARED, so that children write to it too.
 * Slots are taken with atomics, never under a lock: a process that dies leaves at worst a slot
 * that says it is live, which readers see through by the pid.  Each slot has a sequence counter:
 * odd while being written (seqlock), so a reader retries instead of showing half a truth.
 * Text is stored as it came and escaped by whoever prints it.
 *
 * Nothing here fails the program: where the directory is not writable or the file full, every
 * function still works on a private dummy slot, and one warning is logged through `complain`.
 * All functions keep errno.  No function allocates from the host's heap.
 */

struct registry_settings {
	const char *rundir;          /* SLEEVE_RUNDIR or NULL for the default search (sleeve(7)) */
	const char *xdg_runtime_dir; /* XDG_RUNTIME_DIR or NULL */
	const char *program;         /* real path of the executable */
	const char *service;         /* or NULL */
	int lowest_fd; /* own descriptors are moved at or above this number, O_CLOEXEC */
	void (*complain)(const char *message); /* one line, no newline */
};

/* Remembers the settings (the strings must live as long as the process).  Opens nothing. */
void registry_init(const struct registry_settings *settings);

/* Is fd the registry's own descriptor (a flock held while any process of the family lives)? */
bool registry_owns(int fd);

struct registry_birth {
	enum registry_side side;
	enum registry_verdict verdict;
	enum registry_reason reason;
	enum registry_engine engine;
	const struct sockaddr *local, *remote; /* either may be NULL when unknown */
	uint64_t cookie;                       /* SO_COOKIE, 0 when unknown */
	const char *rule;                      /* "" when no rule matched */
	const char *mode;                      /* "strict", "plaintext", "deny" */
	int fd;                                /* its number at birth, for people */
};

/* Takes a slot: a free one while few are closed (REGISTRY_HISTORY), else about the one closed
 * longest ago, so that churn does not fill memory.  Never NULL. */
struct registry_slot *registry_add(const struct registry_birth *birth);

void registry_local(struct registry_slot *slot,
                    const struct sockaddr *local); /* when known later */
void registry_verdict(struct registry_slot *slot, enum registry_verdict verdict,
                      enum registry_reason reason);
void registry_state(struct registry_slot *slot, const char *state); /* the session state's name */

struct registry_tls {
	const char *tls;    /* "TLSv1.3" */
	const char *cipher; /* "TLS_AES_128_GCM_SHA256" */
	const char *group;  /* "X25519MLKEM768" */
	bool resumed;
	const char
		*peer; /* verified names, comma separated: "dns:a,uri:spiffe://x/y"; "" if none */
	int64_t peer_expires; /* UNIX seconds; 0 unknown */
};
void registry_tls(struct registry_slot *slot, const struct registry_tls *facts);

/* Hot path, no sequence.  Under the session's lock: one writer at a time, so no atomic add. */
static inline void registry_count(struct registry_slot *slot, uint64_t in, uint64_t out,
                                  uint64_t wire_in, uint64_t wire_out)
{
	if (in)
		__atomic_store_n(&slot->bytes_in, slot->bytes_in + in, __ATOMIC_RELAXED);
	if (out)
		__atomic_store_n(&slot->bytes_out, slot->bytes_out + out, __ATOMIC_RELAXED);
	if (wire_in)
		__atomic_store_n(&slot->wire_in, slot->wire_in + wire_in, __ATOMIC_RELAXED);
	if (wire_out)
		__atomic_store_n(&slot->wire_out, slot->wire_out + wire_out, __ATOMIC_RELAXED);
}

/* Another process holds it instead, or is the one that uses it (after fork). */
void registry_pid(struct registry_slot *slot, pid_t pid);

/* From now on another may hold it, too: that pid has died does not say that it is over. */
void registry_share(struct registry_slot *slot);

/* A carrier of this pid holds it from now on. */
void registry_carried(struct registry_slot *slot, pid_t pid);

/* The kernel's count of payload bytes differs from ours by this much: something wrote past us.
 * False: the slot is none, and counts for all that have none; the difference means nothing. */
bool registry_bypass(struct registry_slot *slot, int64_t difference);

/* The connection is over; its slot stays readable as "closed" until it is taken again. */
void registry_close(struct registry_slot *slot);

/* Counters by rule and reason of the whole family, for connections whose slots are long gone,
 * are kept by the functions above. */

/* In the child of a fork (called from the atfork handler). */
void registry_forked(void);

#endif
