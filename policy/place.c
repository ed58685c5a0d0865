/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places: addresses, networks and host names, as they stand in `to` and `from`. */
#include "policy/match.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const uint8_t address[16])
{
	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

bool policy_address(const struct sockaddr *sa, socklen_t length, uint8_t address[16],
                    uint16_t *port)
{
	if (length >= (socklen_t)sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		memcpy(address, mapped, sizeof(mapped));
		memcpy(address + 12, &in.sin_addr, 4);
		*port = ntohs(in.sin_port);
		return true;
	}
	/* RFC 2133 had no scope id at the end; 24 bytes are enough for all that is asked here. */
	if (length >= 24 && sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in = { 0 };
		memcpy(&in, sa, 24);
		memcpy(address, &in.sin6_addr, 16);
		*port = ntohs(in.sin6_port);
		return true;
	}
	return false;
}

bool place_address(const char *text, uint8_t address[16])
{
	memcpy(address, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, address + 12) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

void place_print(const uint8_t address[16], char *buffer, size_t size)
{
	buffer[0] = '\0';
	if (is_v4(address))
		inet_ntop(AF_INET, address + 12, buffer, (socklen_t)size);
	else
		inet_ntop(AF_INET6, address, buffer, (socklen_t)size);
}

static bool same_prefix(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

bool net_holds(const struct net *net, const uint8_t address[16])
{
	return net->v4 == is_v4(address) && same_prefix(net->address, address, net->prefix);
}

bool net_covers(const struct net *outer, const struct net *inner)
{
	return outer->v4 == inner->v4 && outer->prefix <= inner->prefix &&
	       same_prefix(outer->address, inner->address, outer->prefix);
}

/* "0" to `most`, without sign, blanks or leading zeros; -1 where it is anything else. */
static int prefix_length(const char *text, int most)
{
	int n = 0;
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
		return -1;
	for (; *text; text++)
		n = 10 * n + (*text - '0');
	return n <= most ? n : -1;
}

static enum place_kind read_net(const char *text, const char *slash, struct net *net, char *why,
                                size_t size)
{
	char address[INET6_ADDRSTRLEN];
	size_t length = (size_t)(slash - text);
	if (length < sizeof(address)) {
		memcpy(address, text, length);
		address[length] = '\0';
	}
	if (length >= sizeof(address) || !place_address(address, net->address)) {
		snprintf(why, size,
		         "\"%s\" is not a network; write one as \"10.0.0.0/8\" or \"fd00::/8\"",
		         text);
		return PLACE_BAD;
	}
	bool dotted = !strchr(address, ':');
	int bits = prefix_length(slash + 1, dotted ? 32 : 128);
	if (bits < 0) {
		snprintf(why, size, "\"%s\": the prefix length must be a number from 0 to %d", text,
		         dotted ? 32 : 128);
		return PLACE_BAD;
	}
	net->prefix = (unsigned)(dotted ? bits + 96 : bits);
	uint8_t masked[16] = { 0 };
	for (unsigned i = 0; i < net->prefix; i++)
		masked[i / 8] |= net->address[i / 8] & (0x80 >> (i % 8));
	if (memcmp(masked, net->address, 16) != 0) {
		place_print(masked, address, sizeof(address));
		snprintf(why, size,
		         "\"%s\" has bits set behind its prefix; the network is \"%s/%d\"", text,
		         address, is_v4(masked) && !dotted ? bits - 96 : bits);
		return PLACE_BAD;
	}
	net->v4 = is_v4(net->address) && net->prefix >= 96;
	return PLACE_NET;
}

enum place_kind place_read(const char *text, struct net *net, char *why, size_t size)
{
	const char *slash = strchr(text, '/');
	if (slash)
		return read_net(text, slash, net, why, size);
	if (place_address(text, net->address)) {
		net->prefix = 128;
		net->v4 = is_v4(net->address);
		return PLACE_NET;
	}
	if (strchr(text, '%')) {
		snprintf(why, size,
		         "\"%s\" carries an interface; write the address without '%%...'", text);
		return PLACE_BAD;
	}
	if (strchr(text, ':')) {
		snprintf(why, size,
		         "\"%s\" is not an address; ports go into `ports`, and IPv6 is written "
		         "without brackets",
		         text);
		return PLACE_BAD;
	}
	return host_check(text, true, why, size) ? PLACE_HOST : PLACE_BAD;
}
