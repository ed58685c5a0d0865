/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the peer, whose chain is verified already, one of those the rule names? */
#include "policy/match.h"
#include "policy/glob.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* ---- reading the patterns of a policy ----------------------------------------------------- */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

static bool read_hex(const char *text, uint8_t bytes[32])
{
	if (strlen(text) != 64)
		return false;
	for (size_t i = 0; i < 32; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* RFC 4648 section 4, for exactly 32 bytes: 43 characters and one '='. */
static bool read_base64(const char *text, uint8_t bytes[32])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = strlen(text), made = 0;
	if (length != 43 && !(length == 44 && text[43] == '='))
		return false;
	unsigned bits = 0, held = 0;
	for (size_t i = 0; i < 43; i++) {
		const char *at = strchr(alphabet, text[i]);
		if (!at)
			return false;
		bits = bits << 6 | (unsigned)(at - alphabet);
		held += 6;
		if (held >= 8) {
			held -= 8;
			bytes[made++] = (uint8_t)(bits >> held);
		}
	}
	/* Two bits are left over; a pin that sets them was mistyped. */
	return (bits & ((1u << held) - 1)) == 0;
}

static bool read_spki(const char *text, struct policy_peer *peer, char *why, size_t size)
{
	const char *digest = strncmp(text, "sha256/", 7) ? NULL : text + 7;
	if (digest && (read_base64(digest, peer->bytes) || read_hex(digest, peer->bytes)))
		return true;
	snprintf(why, size,
	         "\"%s\": a pin is spki:sha256/ and 32 bytes in base64 (44 characters) or "
	         "hexadecimal (64)",
	         peer->text);
	return false;
}

static bool read_uri(const char *text, struct policy_peer *peer, char *why, size_t size)
{
	const char *colon = strchr(text, ':');
	const char *star = strchr(text, '*');
	if (colon && colon != text && (!star || star > colon) && strlen(text) <= GLOB_MAX)
		return true;
	snprintf(why, size, "\"%s\" is not a URI; write it with its scheme, as in "
	         "\"uri:spiffe://prod/cache/*\"", peer->text);
	return false;
}

static bool read_dns(const char *text, struct policy_peer *peer, char *why, size_t size)
{
	if (place_address(text, peer->bytes)) {
		snprintf(why, size, "\"%s\" is an address; write \"ip:%s\"", peer->text, text);
		return false;
	}
	return host_check(text, true, why, size);
}

static bool read_ip(const char *text, struct policy_peer *peer, char *why, size_t size)
{
	if (place_address(text, peer->bytes))
		return true;
	snprintf(why, size, "\"%s\" is not an address; write one, as in \"ip:10.1.2.3\"",
	         peer->text);
	return false;
}

static bool read_cn(const char *text, struct policy_peer *peer, char *why, size_t size)
{
	if (*text && strlen(text) <= GLOB_MAX)
		return true;
	snprintf(why, size, "\"%s\": write the common name behind cn:", peer->text);
	return false;
}

static const struct kind {
	const char *prefix;
	bool (*read)(const char *text, struct policy_peer *peer, char *why, size_t size);
} kinds[] = {
	[POLICY_NAME_DNS] = { "dns:", read_dns },
	[POLICY_NAME_IP] = { "ip:", read_ip },
	[POLICY_NAME_URI] = { "uri:", read_uri },
	[POLICY_NAME_CN] = { "cn:", read_cn },
	[POLICY_NAME_SPKI] = { "spki:", read_spki },
};

bool peer_read(const char *text, struct policy_peer *peer, char *why, size_t size)
{
	peer->text = text;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t prefix = strlen(kinds[i].prefix);
		if (strncmp(text, kinds[i].prefix, prefix) != 0)
			continue;
		peer->kind = (enum policy_name_kind)i;
		peer->pattern = text + prefix;
		return kinds[i].read(peer->pattern, peer, why, size);
	}
	snprintf(why, size,
	         "\"%s\" does not say what kind of name it is; begin with dns: ip: uri: cn: "
	         "or spki:sha256/",
	         text);
	return false;
}

/* The longest name that is looked at; a SPIFFE ID has at most as many bytes. */
enum { CERTIFICATE_NAME_MAX = 2048 };

/* ---- comparing them with a certificate ---------------------------------------------------- */

/* A name of a certificate: RFC 1123 labels, the first of which may be one whole `*`. */
static bool certificate_name_good(const char *name)
{
	char why[64];
	size_t length = strlen(name);
	if (length == 0 || name[length - 1] == '.')
		return false;
	if (strncmp(name, "*.", 2) != 0)
		return host_check(name, false, why, sizeof(why));
	/* A wildcard right below a top level ("*.com") speaks for more than anyone owns. */
	return strchr(name + 2, '.') && host_check(name + 2, false, why, sizeof(why));
}

/* Does the certificate's name prove the wanted one?  RFC 6125 section 6.4. */
static bool dns_proves(const char *name, const char *wanted)
{
	if (!certificate_name_good(name))
		return false;
	if (wanted[0] != '*')
		return host_match(name, wanted);
	/* A pattern of the policy: a wildcard of the certificate is one label like any other. */
	return host_match(wanted, name);
}

static const char *told(char *buffer, size_t size, const char *prefix, const char *name)
{
	snprintf(buffer, size, "%s%s", prefix, name);
	return buffer;
}

static const char *accept_dns(const char *wanted, const struct policy_names *names, char *buffer,
                              size_t size)
{
	for (size_t i = 0; i < names->dns_count; i++)
		if (dns_proves(names->dns[i], wanted))
			return told(buffer, size, "dns:", names->dns[i]);
	return NULL;
}

static const char *accept_ip(const uint8_t wanted[16], const struct policy_names *names,
                             char *buffer, size_t size)
{
	for (size_t i = 0; i < names->ip_count; i++)
		if (!memcmp(names->ip[i], wanted, 16)) {
			char text[INET6_ADDRSTRLEN];
			place_print(wanted, text, sizeof(text));
			return told(buffer, size, "ip:", text);
		}
	return NULL;
}

static const char *accept_uri(const char *pattern, const struct policy_names *names, char *buffer,
                              size_t size)
{
	for (size_t i = 0; i < names->uri_count; i++)
		if (strlen(names->uri[i]) <= CERTIFICATE_NAME_MAX &&
		    glob_match(pattern, names->uri[i], '/'))
			return told(buffer, size, "uri:", names->uri[i]);
	return NULL;
}

static const char *accept_pattern(const struct policy_peer *peer, const struct policy_names *names,
                                  char *buffer, size_t size)
{
	switch (peer->kind) {
	case POLICY_NAME_DNS:
		return accept_dns(peer->pattern, names, buffer, size);
	case POLICY_NAME_IP:
		return accept_ip(peer->bytes, names, buffer, size);
	case POLICY_NAME_URI:
		return accept_uri(peer->pattern, names, buffer, size);
	case POLICY_NAME_CN:
		if (names->cn && strlen(names->cn) <= CERTIFICATE_NAME_MAX &&
		    glob_match(peer->pattern, names->cn, '\0'))
			return told(buffer, size, "cn:", names->cn);
		return NULL;
	case POLICY_NAME_SPKI:
		if (!memcmp(names->spki, peer->bytes, sizeof(names->spki)))
			return told(buffer, size, "", peer->text);
		return NULL;
	}
	return NULL;
}

/* Any name at all, for a rule that welcomes whoever the chain vouches for. */
static const char *first_name(const struct policy_names *names, char *buffer, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	if (names->uri_count)
		return told(buffer, size, "uri:", names->uri[0]);
	if (names->dns_count)
		return told(buffer, size, "dns:", names->dns[0]);
	if (names->ip_count) {
		place_print(names->ip[0], text, sizeof(text));
		return told(buffer, size, "ip:", text);
	}
	return told(buffer, size, names->cn ? "cn:" : "", names->cn ? names->cn : "verified");
}

const char *policy_peer_accept(const struct policy_rule *rule, const char *expected,
                               const uint8_t address[16], const struct policy_names *names,
                               char *buffer, size_t size)
{
	for (size_t i = 0; i < rule->peer_count; i++) {
		const char *name = accept_pattern(&rule->peers[i], names, buffer, size);
		if (name)
			return name;
	}
	if (rule->peer_count > 0)
		return NULL;
	if (rule->side == POLICY_ACCEPT)
		return first_name(names, buffer, size);
	if (!expected)
		return accept_ip(address, names, buffer, size);
	/* A program may have "resolved" an address in text form. */
	uint8_t literal[16];
	if (place_address(expected, literal))
		return accept_ip(literal, names, buffer, size);
	if (expected[0] == '*')
		return NULL;
	return accept_dns(expected, names, buffer, size);
}
