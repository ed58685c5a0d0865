/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TCP connection comes to be: what the policy says of it, and what follows. */
#include "shim/life/birth.h"

#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/names.h"
#include "shim/base/process.h"
#include "shim/base/table.h"
#include "shim/life/descriptor.h"
#include "shim/session/pending.h"
#include "shim/session/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

bool birth_is_tcp(int fd, const struct sockaddr *address)
{
	if (!address || (address->sa_family != AF_INET && address->sa_family != AF_INET6))
		return false;
	int protocol = kernel_option(fd, SOL_SOCKET, SO_PROTOCOL, 0);
	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

static bool own(int fd)
{
	return registry_owns(fd) || rulebook_owns(fd);
}

static struct registry_slot *note(const struct birth *b, int fd, enum registry_verdict verdict,
                                  enum registry_reason reason, const struct sockaddr *local)
{
	const struct policy_rule *rule = b->verdict.rule;
	uint64_t cookie = 0;
	socklen_t length = sizeof cookie;
	kernel_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
	struct registry_birth birth = {
		.side = b->flow.side == POLICY_CONNECT ? REGISTRY_CONNECT : REGISTRY_ACCEPT,
		.verdict = verdict,
		.reason = reason,
		.local = local,
		.remote = b->remote,
		.cookie = cookie,
		.rule = rule ? rule->name : "",
		.mode = policy_mode_name(b->verdict.mode),
		.fd = fd,
	};
	guard_enter();
	struct registry_slot *slot = registry_add(&birth);
	descriptor_guard_own(own, process_lowest_own());
	guard_leave();
	return slot;
}

static void refuse(struct birth *b, int fd, enum registry_reason reason, const char *why)
{
	char address[INET6_ADDRSTRLEN] = "?";
	inet_ntop(AF_INET6, b->flow.address, address, sizeof address);
	const char *text = strncmp(address, "::ffff:", 7) == 0 ? address + 7 : address;
	log_say(LOG_LEVEL_ERROR, "connection %s %s, port %u, refused: %s%s%s",
	        b->flow.side == POLICY_CONNECT ? "to" : "from", text, b->flow.port, why,
	        b->verdict.rule ? ": rule " : "", b->verdict.rule ? b->verdict.rule->name : "");
	registry_close(note(b, fd, REGISTRY_REFUSED, reason, NULL));
	b->refused = true;
	rulebook_put(b->rulebook);
	b->rulebook = NULL;
}

/* Fills in verdict; refuses what the policy refuses. */
static void ask(struct birth *b, int fd)
{
	b->rulebook = rulebook_get();
	if (!b->rulebook) {
		b->verdict.mode = POLICY_DENY;
		refuse(b, fd, REGISTRY_NO_POLICY, "there is no valid policy");
		return;
	}
	b->verdict = rulebook_decide(b->rulebook, &b->flow);
	if (b->verdict.mode == POLICY_DENY)
		refuse(b, fd, b->verdict.rule ? REGISTRY_RULE : REGISTRY_NO_RULE,
		       b->verdict.rule ? "denied" : "no rule matches and unmatched = \"deny\"");
	else if (b->verdict.mode != POLICY_PLAINTEXT && fd <= STDERR_FILENO)
		refuse(b, fd, REGISTRY_CARRIER_NEEDED, "TLS on a standard stream's number is not "
		       "supported yet");
	else if (b->verdict.mode != POLICY_PLAINTEXT &&
	         !b->rulebook->contexts[b->verdict.rule->index])
		refuse(b, fd, REGISTRY_IDENTITY, "the rule's identity is not loaded");
}

static void become_plain(struct birth *b, int fd, const struct sockaddr *local)
{
	enum registry_reason reason = b->verdict.rule ? REGISTRY_RULE : REGISTRY_NO_RULE;
	struct registry_slot *slot = note(b, fd, REGISTRY_PLAINTEXT, reason, local);
	if ((unsigned)fd < table_size)
		table_swap(fd, (uint64_t)(uintptr_t)slot);
	rulebook_put(b->rulebook);
	b->rulebook = NULL;
}

static bool settle(struct birth *b, int fd, const struct sockaddr *local)
{
	if (b->verdict.mode == POLICY_PLAINTEXT) {
		become_plain(b, fd, local);
		return true;
	}
	struct rulebook *rulebook = b->rulebook;
	b->rulebook = NULL;
	if (session_birth(fd, rulebook, &b->verdict, &b->flow, local, b->remote)) {
		descriptor_guard_own(own, process_lowest_own());
		return true;
	}
	log_say(LOG_LEVEL_ERROR, "a connection under rule \"%s\" is refused: no room for another "
	        "session, or its descriptor number is too high", b->verdict.rule->name);
	rulebook_put(rulebook);
	return false;
}

void birth_ask_connect(struct birth *b, int fd, const struct sockaddr *address, socklen_t length)
{
	*b = (struct birth){.remote = address, .flow.side = POLICY_CONNECT};
	char found[NAMES_FOUND][NAMES_LENGTH];
	const char *names[NAMES_FOUND];
	if (!policy_address(address, length, b->flow.address, &b->flow.port)) {
		b->refused = true;
		return;
	}
	b->flow.name_count = names_find(b->flow.address, found);
	for (size_t i = 0; i < b->flow.name_count; i++)
		names[i] = found[i];
	b->flow.names = names;
	ask(b, fd);
	/* The names lie on this stack. */
	if (b->verdict.name) {
		size_t size = strnlen(b->verdict.name, sizeof b->name - 1);
		memcpy(b->name, b->verdict.name, size);
		b->name[size] = 0;
		b->verdict.name = b->name;
	}
	b->flow.names = NULL;
	b->flow.name_count = 0;
}

bool birth_settle(struct birth *b, int fd)
{
	struct sockaddr_storage local;
	socklen_t length = sizeof local;
	bool known = getsockname(fd, (struct sockaddr *)&local, &length) == 0;
	return settle(b, fd, known ? (struct sockaddr *)&local : NULL);
}

void birth_abandoned(struct birth *b)
{
	rulebook_put(b->rulebook);
}

bool birth_accepted(int fd, const struct sockaddr *remote, socklen_t length)
{
	struct birth b = {.remote = remote, .flow.side = POLICY_ACCEPT};
	struct sockaddr_storage local;
	socklen_t local_length = sizeof local;
	uint8_t unused[16];
	uint16_t remote_port;
	if (!policy_address(remote, length, b.flow.address, &remote_port) ||
	    getsockname(fd, (struct sockaddr *)&local, &local_length) < 0 ||
	    !policy_address((struct sockaddr *)&local, local_length, unused, &b.flow.port))
		return false;
	ask(&b, fd);
	return !b.refused && settle(&b, fd, (struct sockaddr *)&local);
}

bool birth_inherited(int fd, const struct sockaddr *remote, socklen_t length)
{
	struct birth b = {.remote = remote};
	struct sockaddr_storage local;
	socklen_t local_length = sizeof local;
	uint8_t unused[16];
	uint16_t local_port, remote_port;
	if (getsockname(fd, (struct sockaddr *)&local, &local_length) < 0 ||
	    !policy_address(remote, length, b.flow.address, &remote_port) ||
	    !policy_address((struct sockaddr *)&local, local_length, unused, &local_port))
		return false;
	b.rulebook = rulebook_get();
	for (int side = POLICY_CONNECT; b.rulebook && side <= POLICY_ACCEPT; side++) {
		b.flow.side = (enum policy_side)side;
		b.flow.port = side == POLICY_CONNECT ? remote_port : local_port;
		b.verdict = rulebook_decide(b.rulebook, &b.flow);
		if (b.verdict.rule && b.verdict.mode != POLICY_PLAINTEXT)
			break;
	}
	if (b.rulebook && b.verdict.mode == POLICY_PLAINTEXT) {
		become_plain(&b, fd, (struct sockaddr *)&local);
		return true;
	}
	refuse(&b, fd, b.rulebook ? REGISTRY_INHERITED : REGISTRY_NO_POLICY,
	       "it was open before the program started, and no session can be made of it yet");
	return false;
}
