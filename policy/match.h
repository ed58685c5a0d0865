/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The matching half of a rule: which connections of which programs it speaks about. */
#ifndef SLEEVE_POLICY_MATCH_H
#define SLEEVE_POLICY_MATCH_H

#include "policy/policy.h"

/* A network; IPv4 lives in ::ffff:0:0/96, and ::/0 does not reach into it. */
struct net {
	uint8_t address[16];
	unsigned prefix;  /* 0..128 */
	bool v4;
};

struct ports {
	uint16_t low, high;
};

struct texts {
	const char *const *list;
	size_t count;
};

/* A key that is absent restricts nothing; `has_*` tells absent from empty. */
struct policy_match {
	bool has_places, has_ports, has_programs, has_arguments, has_users, has_services;
	struct net *nets;
	size_t net_count;
	struct texts hosts; /* lower case */
	struct ports *ports;
	size_t port_count;
	struct texts programs, arguments, services;
	uid_t *users;
	size_t user_count;
};

/* ---- what stands in to and from (policy/place.c) ------------------------------------------ */

enum place_kind { PLACE_NET, PLACE_HOST, PLACE_BAD };

/*
 * Reads an address, a network or a host name.  PLACE_NET fills net; PLACE_HOST says the text is a
 * good name or pattern; PLACE_BAD leaves what is wrong and what would be right in why.
 */
enum place_kind place_read(const char *text, struct net *net, char *why, size_t size);

/* An address alone, IPv4 as ::ffff:a.b.c.d; false where the text is none. */
bool place_address(const char *text, uint8_t address[16]);
/* As people write it: 10.1.2.3, fd00::1. */
void place_print(const uint8_t address[16], char *buffer, size_t size);

bool net_holds(const struct net *net, const uint8_t address[16]);
bool net_covers(const struct net *outer, const struct net *inner);

/* A host name or `*.`/`**.` pattern; false leaves what is wrong in why. */
bool host_check(const char *text, bool wildcard, char *why, size_t size);
/* Case-insensitive; one trailing dot of name is ignored. `*` is one label, `**` one or more. */
bool host_match(const char *pattern, const char *name);
/* Is this text an address, or would some resolver take it for one ("10.1", "0x7f.1")? */
bool host_looks_like_address(const char *text);

/* ---- peer patterns (policy/peer.c) -------------------------------------------------------- */

/* Reads `text` (which must live as long as peer); false leaves what is wrong in why. */
bool peer_read(const char *text, struct policy_peer *peer, char *why, size_t size);

/* ---- users (policy/users.c) --------------------------------------------------------------- */

/* The user data base as text, read without NSS; free() it.  NULL where it cannot be read. */
char *users_read(int dirfd);
bool users_find(const char *passwd, const char *name, uid_t *uid);

#endif
