/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel as a witness: did every byte on the wire go through the session? */
#include "tools/attest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TRIES 8

struct counts {
	uint64_t in, out;
	bool fin; /* `in` may hold one more for a FIN */
};

/* TCP states in which a FIN has arrived (include/net/tcp_states.h). */
static bool fin_arrived(int state)
{
	enum { TIME_WAIT = 6, CLOSE = 7, CLOSE_WAIT = 8, LAST_ACK = 9, CLOSING = 11 };

	return state == TIME_WAIT || state == CLOSE || state == CLOSE_WAIT || state == LAST_ACK ||
	       state == CLOSING;
}

static void put_end(const struct registry_end *end, int family, __be32 address[4], __be16 *port)
{
	*port = htons(end->port);
	memcpy(address, end->address + (family == AF_INET ? 12 : 0), family == AF_INET ? 4 : 16);
}

static bool send_request(int fd, const struct registry_slot *slot, int family)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = {.nlmsg_len = sizeof request,
	                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
	                   .nlmsg_flags = NLM_F_REQUEST},
		.body = {.sdiag_family = (uint8_t)family,
	                 .sdiag_protocol = IPPROTO_TCP,
	                 .idiag_ext = 1 << (INET_DIAG_INFO - 1),
	                 .idiag_states = ~0U},
	};
	struct inet_diag_sockid *id = &request.body.id;

	put_end(&slot->local, family, id->idiag_src, &id->idiag_sport);
	put_end(&slot->remote, family, id->idiag_dst, &id->idiag_dport);
	id->idiag_if = slot->local.scope;
	id->idiag_cookie[0] = slot->cookie ? (uint32_t)slot->cookie : INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = slot->cookie ? (uint32_t)(slot->cookie >> 32) : INET_DIAG_NOCOOKIE;
	return send(fd, &request, sizeof request, 0) == sizeof request;
}

/* The answer's TCP_INFO; an older kernel sends a shorter one, then `info` ends in zeros. */
static const char *read_answer(const struct nlmsghdr *header, size_t size, struct counts *counts)
{
	if (!NLMSG_OK(header, size))
		return "the kernel's answer is malformed";
	if (header->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = NLMSG_DATA(header);
		return header->nlmsg_len >= NLMSG_LENGTH(sizeof *error) && error->error == -ENOENT
		               ? "this network namespace has no such connection (any more)"
		               : "the kernel refuses to tell";
	}
	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return "the kernel's answer is malformed";
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof *message));
	const struct rtattr *part = (const void *)(message + 1);
	for (; RTA_OK(part, left); part = RTA_NEXT(part, left)) {
		struct tcp_info info = {0};
		size_t length = RTA_PAYLOAD(part);
		if (part->rta_type != INET_DIAG_INFO)
			continue;
		memcpy(&info, RTA_DATA(part), length < sizeof info ? length : sizeof info);
		if (length < offsetof(struct tcp_info, tcpi_bytes_retrans) + 8)
			return "this kernel does not count retransmitted bytes; Linux 4.19 does";
		counts->out =
			info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
		counts->in = info.tcpi_bytes_received - message->idiag_rqueue;
		counts->fin = fin_arrived(message->idiag_state);
		return NULL;
	}
	return "the kernel tells nothing of this connection";
}

/* Asks once.  Returns NULL or why there is no answer. */
static const char *ask(int fd, const struct registry_slot *slot, struct counts *counts)
{
	char buffer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	int family = slot->local.family == 6 ? AF_INET6 : AF_INET;

	if (!send_request(fd, slot, family))
		return "sock_diag(7) is not available";
	ssize_t got = recv(fd, buffer, sizeof buffer, 0);
	if (got < 0)
		return "sock_diag(7) is not available";
	return read_answer((const struct nlmsghdr *)(void *)buffer, (size_t)got, counts);
}

static const char *hopeless(const struct registry_entry *entry)
{
	if (!entry->live)
		return "closed";
	if (entry->slot.verdict != REGISTRY_TLS)
		return "not a TLS session";
	if (!entry->slot.local.family || !entry->slot.remote.family)
		return "its addresses are not known";
	return NULL;
}

/* How far the kernel's count lies outside of [before, after]; `slack` more are fine. */
static int64_t outside(uint64_t kernel, uint64_t before, uint64_t after, unsigned slack)
{
	if (kernel < before)
		return -(int64_t)(before - kernel);
	return kernel > after + slack ? (int64_t)(kernel - after) : 0;
}

static struct attestation unknown(const char *why)
{
	return (struct attestation){.answer = ATTEST_UNKNOWN, .why = why};
}

static struct attestation compare(int fd, struct registry_entry *entry)
{
	struct attestation last = {.answer = ATTEST_UNKNOWN};
	int same = 0;

	for (int tries = 0; tries < TRIES && same < 3; tries++) {
		struct counts counts;
		if (!registry_read_again(entry))
			return unknown("closed meanwhile");
		uint64_t in = entry->slot.wire_in, out = entry->slot.wire_out;
		const char *why = ask(fd, &entry->slot, &counts);
		if (why)
			return unknown(why);
		if (!registry_read_again(entry))
			return unknown("closed meanwhile");
		struct attestation now = {
			.answer = ATTEST_NO,
			.why = "",
			.in = outside(counts.in, in, entry->slot.wire_in, counts.fin),
			.out = outside(counts.out, out, entry->slot.wire_out, 0),
			.kernel_in = counts.in,
			.kernel_out = counts.out,
		};
		if (!now.in && !now.out) {
			now.answer = ATTEST_YES;
			return now;
		}
		same = tries && now.in == last.in && now.out == last.out ? same + 1 : 1;
		last = now;
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	return same >= 3 ? last : unknown("too busy to compare; ask again");
}

struct attestation attest(struct registry_entry *entry)
{
	const char *why = hopeless(entry);

	if (why)
		return unknown(why);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return unknown("sock_diag(7) is not available");
	struct attestation answer = compare(fd, entry);
	close(fd);
	return answer;
}
