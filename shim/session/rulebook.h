/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy in force in this process, with a TLS context for each rule that may need one. */
#ifndef SLEEVE_SESSION_RULEBOOK_H
#define SLEEVE_SESSION_RULEBOOK_H

#include "policy/policy.h"
#include "shim/tls/tls.h"

#include <stdbool.h>

/*
 * A rulebook is an immutable, counted snapshot.  When a connection is born the files are looked
 * at, at most once a second; a changed policy or certificate is loaded aside and swapped in, a
 * broken one is reported once and the last good rulebook kept.  Sessions keep the one they
 * were born under.  In a forked child the counts are its own; a session that ends there leaves the
 * parent's count one too high, which costs the parent one old rulebook, never a dangling pointer.
 */
struct rulebook {
	struct policy *policy;
	struct tls_context **contexts; /* by rule index; NULL where the rule needs none */
	unsigned holders;
};

struct rulebook_settings {
	const char *path;               /* of the policy */
	struct policy_program program;  /* uid is filled in at each question */
	int lowest_fd;                  /* for own descriptors */
};

/* Reads policy and identities.  What is wrong is logged; the program then has every TCP
 * connection refused until the files are mended.  Settings are copied, strings are not. */
void rulebook_start(const struct rulebook_settings *settings);

/* Could this program ever have a session, or a connection refused?  After rulebook_start(); without
 * a lock. */
bool rulebook_concerns(void);

/* Does a rule ask that what this program starts is sleeved, too?  Yes as long as there has been no
 * valid policy, which may ask for it: nobody must get round that by starting programs.  Takes no
 * lock, so that it can be asked between fork and exec. */
bool rulebook_inherits(void);

/* The rulebook in force, counted; NULL: there is no valid policy, refuse. */
struct rulebook *rulebook_get(void);
void rulebook_put(struct rulebook *r); /* accepts NULL */

/* One question: also fills in the user of this moment. */
struct policy_verdict rulebook_decide(const struct rulebook *r, const struct policy_flow *flow);

bool rulebook_owns(int fd);

/* Around fork. */
void rulebook_lock(void);
void rulebook_unlock(void);

#endif
