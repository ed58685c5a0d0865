/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TCP connection comes to be: what the policy says of it, and what follows. */
#ifndef SLEEVE_LIFE_BIRTH_H
#define SLEEVE_LIFE_BIRTH_H

#include "shim/session/rulebook.h"

#include <stdbool.h>
#include <sys/socket.h>

/* Is it a TCP (or MPTCP) socket of IPv4 or IPv6?  Others are none of our business. */
bool birth_is_tcp(int fd, const struct sockaddr *address);

/* Asked before connect(2): the verdict and the rulebook it came from, which birth_settle() or
 * birth_abandoned() takes back.  Refusals are noted here. */
struct birth {
	struct rulebook *rulebook;
	struct policy_verdict verdict;
	struct policy_flow flow;
	const struct sockaddr *remote;
	char name[254];
	bool refused;
	bool inherited;
};
void birth_ask_connect(struct birth *b, int fd, const struct sockaddr *address, socklen_t length);

/* Makes the session, or notes the plaintext connection.  False: refused after all (no memory).  In
 * a vfork child, which asks when there is a connection, or one under way, it is carried at once. */
bool birth_settle(struct birth *b, int fd);
void birth_abandoned(struct birth *b);

/* A socket accepted from `remote`.  False: refused; the caller closes it. */
bool birth_accepted(int fd, const struct sockaddr *remote, socklen_t length);

/* Connected to `remote`, but not by this process.  False: the policy does not leave it in
 * plaintext; that is noted as a refusal. */
bool birth_elsewhere(int fd, const struct sockaddr *remote, socklen_t length);

/* A connected socket that was there before the program, judged by the rules of either side (which
 * it is, the kernel does not say).  Its handshake waits until the program uses it, which it may
 * never do: others may.  False: it is denied, or has been in use and should be under TLS. */
bool birth_inherited(int fd, const struct sockaddr *remote, socklen_t length);

/* Sleeve's own descriptors of this moment get their marks. */
void birth_guard_own(void);

#endif
