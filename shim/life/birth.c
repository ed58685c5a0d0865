/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TCP connection comes to be: what the policy says of it, and what follows. */
#include "shim/life/birth.h"

#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/names.h"
#include "shim/base/process.h"
#include "shim/base/real.h"
#include "shim/base/root.h"
#include "shim/base/table.h"
#include "shim/life/carrier.h"
#include "shim/life/descriptor.h"
#include "shim/session/pending.h"
#include "shim/session/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool birth_is_tcp(int fd, const struct sockaddr *address)
{
	if (!address || (address->sa_family != AF_INET && address->sa_family != AF_INET6))
		return false;
	return kernel_is_tcp(fd);
}

static bool own(int fd)
{
	return registry_owns(fd) || rulebook_owns(fd) || root_owns(fd);
}

void birth_guard_own(void)
{
	descriptor_guard_own(own, process_lowest_own());
}

static struct registry_slot *note(const struct birth *b, int fd, enum registry_verdict verdict,
                                  enum registry_reason reason, const struct sockaddr *local)
{
	const struct policy_rule *rule = b->verdict.rule;
	struct registry_birth birth = {
		.side = b->flow.side == POLICY_CONNECT ? REGISTRY_CONNECT : REGISTRY_ACCEPT,
		.verdict = verdict,
		.reason = reason,
		.local = local,
		.remote = b->remote,
		.cookie = kernel_cookie(fd),
		.rule = rule ? rule->name : "",
		.mode = policy_mode_name(b->verdict.mode),
		.fd = fd,
	};
	guard_enter();
	struct registry_slot *slot = registry_add(&birth);
	birth_guard_own();
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

/* Refuses what the verdict refuses. */
static void judge(struct birth *b, int fd)
{
	if (b->verdict.mode == POLICY_DENY)
		refuse(b, fd, b->verdict.rule ? REGISTRY_RULE : REGISTRY_NO_RULE,
		       b->verdict.rule ? "denied" : "no rule matches and unmatched = \"deny\"");
	else if (b->verdict.mode != POLICY_PLAINTEXT &&
	         !b->rulebook->contexts[b->verdict.rule->index])
		refuse(b, fd, REGISTRY_IDENTITY, "the rule's identity is not loaded");
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
	judge(b, fd);
}

static void become_plain(struct birth *b, int fd, const struct sockaddr *local)
{
	enum registry_reason reason = b->verdict.rule ? REGISTRY_RULE : REGISTRY_NO_RULE;
	struct registry_slot *slot = note(b, fd, REGISTRY_PLAINTEXT, reason, local);
	if (process_is_guest())
		registry_close(slot);
	else if ((unsigned)fd < table_size)
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
	uint64_t entry = session_birth(fd, rulebook, &b->verdict, &b->flow, local, b->remote);
	if (entry && process_is_guest()) {
		session_connected(fd, entry, local);
		return carrier_for_guests_own(fd, entry);
	}
	if (entry) {
		if (!b->inherited)
			pending_add(fd, entry);
		birth_guard_own();
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
	bool known = real.getsockname(fd, (struct sockaddr *)&local, &length) == 0;
	return settle(b, fd, known ? (struct sockaddr *)&local : NULL);
}

void birth_abandoned(struct birth *b)
{
	rulebook_put(b->rulebook);
}

bool birth_elsewhere(int fd, const struct sockaddr *remote, socklen_t length)
{
	struct birth b;
	birth_ask_connect(&b, fd, remote, length);
	if (b.refused)
		return false;
	if (b.verdict.mode != POLICY_PLAINTEXT)
		refuse(&b, fd, REGISTRY_INHERITED,
		       "another process connected it, or a call that Sleeve does not see");
	else
		birth_abandoned(&b);
	return !b.refused;
}

bool birth_accepted(int fd, const struct sockaddr *remote, socklen_t length)
{
	struct birth b = {.remote = remote, .flow.side = POLICY_ACCEPT};
	struct sockaddr_storage local;
	socklen_t local_length = sizeof local;
	uint8_t unused[16];
	uint16_t remote_port;
	if (!policy_address(remote, length, b.flow.address, &remote_port) ||
	    real.getsockname(fd, (struct sockaddr *)&local, &local_length) < 0 ||
	    !policy_address((struct sockaddr *)&local, local_length, unused, &b.flow.port))
		return false;
	ask(&b, fd);
	return !b.refused && settle(&b, fd, (struct sockaddr *)&local);
}

/*
 * Nobody has read or written yet: what has come lies unread, and nothing was sent (tcp(7),
 * TCP_INFO).
 */
static bool is_fresh(int fd)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof info;
	int unread;
	if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
	    length < offsetof(struct tcp_info, tcpi_bytes_retrans) ||
	    real.ioctl(fd, FIONREAD, &unread) < 0)
		return false;
	/* FIN counts as a byte received. */
	return !info.tcpi_bytes_sent && info.tcpi_bytes_received <= (uint64_t)unread + 1;
}

bool birth_inherited(int fd, const struct sockaddr *remote, socklen_t length)
{
	struct birth b = {.remote = remote, .inherited = true};
	struct sockaddr_storage local;
	socklen_t local_length = sizeof local;
	uint8_t unused[16];
	uint16_t local_port, remote_port;
	if (real.getsockname(fd, (struct sockaddr *)&local, &local_length) < 0 ||
	    !policy_address(remote, length, b.flow.address, &remote_port) ||
	    !policy_address((struct sockaddr *)&local, local_length, unused, &local_port))
		return false;
	b.rulebook = rulebook_get();
	if (!b.rulebook) {
		refuse(&b, fd, REGISTRY_NO_POLICY, "there is no valid policy");
		return false;
	}
	/* Who connected, the kernel does not say; who inherits has rather been connected to. */
	for (int side = POLICY_ACCEPT; side >= (int)POLICY_CONNECT; side--) {
		b.flow.side = (enum policy_side)side;
		b.flow.port = side == POLICY_CONNECT ? remote_port : local_port;
		b.verdict = rulebook_decide(b.rulebook, &b.flow);
		if (b.verdict.rule && b.verdict.mode != POLICY_PLAINTEXT)
			break;
	}
	judge(&b, fd);
	if (b.refused)
		return false;
	if (b.verdict.mode != POLICY_PLAINTEXT && !is_fresh(fd)) {
		refuse(&b, fd, REGISTRY_INHERITED,
		       "it was in use before the program started, and the rule asks for TLS");
		return false;
	}
	if (!settle(&b, fd, (struct sockaddr *)&local))
		return false;
	if (table_session(fd))
		session_borrowed(table_session(fd));
	return true;
}
