/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys of a rule. */
#include "policy/glob.h"
#include "policy/keys.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A rule while it is read. */
struct draft {
	struct policy_rule *rule;
	struct policy_match *match;
	bool mode_known; /* so that a bad mode is one mistake and not three */
};

static struct policy_rule *rule_of(void *target)
{
	return ((struct draft *)target)->rule;
}

static struct policy_match *match_of(void *target)
{
	return ((struct draft *)target)->match;
}

/* ---- what the rule is about --------------------------------------------------------------- */

static void read_name(struct load *l, const struct value *v, void *target)
{
	rule_of(target)->name = value_text(l, v);
}

static void read_on(struct load *l, const struct value *v, void *target)
{
	static const char *const words[] = { "connect", "accept" };
	int word = keys_read_word(l, v, words, COUNT(words));
	if (word >= 0)
		rule_of(target)->side = (enum policy_side)word;
}

static void read_places(struct load *l, const struct value *v, void *target)
{
	scope_read_places(l, v, match_of(target));
}

static void read_ports(struct load *l, const struct value *v, void *target)
{
	scope_read_ports(l, v, match_of(target));
}

static void read_users(struct load *l, const struct value *v, void *target)
{
	scope_read_users(l, v, match_of(target));
}

static bool check_glob(struct load *l, const struct value *v, const char *text)
{
	if (strlen(text) > GLOB_MAX)
		return value_error(l, v, "this pattern is longer than %d characters", GLOB_MAX);
	return true;
}

static bool check_program(struct load *l, const struct value *v, const char *text)
{
	/* The real path of a program is absolute; other patterns would match nothing, silently. */
	if (text[0] != '/' && strncmp(text, "**", 2) != 0)
		return value_error(l, v,
		                   "\"%s\" can match no program, for it does not begin with '/'; "
		                   "write the whole path, or \"**/%s\"",
		                   text, text);
	return check_glob(l, v, text);
}

static void read_programs(struct load *l, const struct value *v, void *target)
{
	struct policy_match *match = match_of(target);
	match->programs = scope_read_texts(l, v, &match->has_programs, check_program);
}

static void read_arguments(struct load *l, const struct value *v, void *target)
{
	struct policy_match *match = match_of(target);
	match->arguments = scope_read_texts(l, v, &match->has_arguments, check_glob);
}

static void read_services(struct load *l, const struct value *v, void *target)
{
	struct policy_match *match = match_of(target);
	match->services = scope_read_texts(l, v, &match->has_services, check_glob);
}

/* ---- what is done ------------------------------------------------------------------------- */

static void read_mode(struct load *l, const struct value *v, void *target)
{
	static const char *const words[] = { "strict", "plaintext", "deny" };
	static const enum policy_mode modes[] = { POLICY_STRICT, POLICY_PLAINTEXT, POLICY_DENY };
	/* Not one of the words offered, for it is not there yet. */
	const char *text = value_is_text(v) ? value_text(l, v) : NULL;
	if (text && !strcmp(text, "permissive")) {
		value_error(
			l, v,
			"mode \"permissive\" is not supported yet; use \"strict\" or "
			"\"plaintext\"");
		return;
	}
	int word = keys_read_word(l, v, words, COUNT(words));
	if (word < 0)
		return;
	rule_of(target)->mode = modes[word];
	((struct draft *)target)->mode_known = true;
}

static void read_peer(struct load *l, const struct value *v, void *target)
{
	bool has = false;
	struct texts texts = scope_read_texts(l, v, &has, NULL);
	struct policy_peer *peers = storage_get(l->storage, texts.count * sizeof(*peers));
	if (!peers) {
		l->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < texts.count; i++) {
		char why[512];
		if (!peer_read(texts.list[i], &peers[i], why, sizeof(why)))
			value_error(l, value_at(v, i), "%s", why);
	}
	rule_of(target)->peers = peers;
	rule_of(target)->peer_count = texts.count;
}

static void read_clients(struct load *l, const struct value *v, void *target)
{
	static const char *const words[] = { "required", "optional", "none" };
	int word = keys_read_word(l, v, words, COUNT(words));
	if (word >= 0)
		rule_of(target)->clients = (enum policy_clients)word;
}

static void read_server_name(struct load *l, const struct value *v, void *target)
{
	char why[512];
	const char *text = value_text(l, v);
	if (!text)
		return;
	/* RFC 6066 section 3: no literal addresses in SNI. */
	uint8_t address[16];
	if (place_address(text, address))
		value_error(l, v, "server_name must be a host name; for an address write "
		            "peer = [\"ip:%s\"]", text);
	else if (!host_check(text, false, why, sizeof(why)))
		value_error(l, v, "server_name: %s", why);
	else
		rule_of(target)->server_name = text;
}

static void read_engine(struct load *l, const struct value *v, void *target)
{
	static const char *const words[] = { "auto", "inline", "carrier" };
	int i = keys_read_word(l, v, words, COUNT(words));
	if (i >= 0)
		rule_of(target)->engine = (enum policy_engine)i;
}

static void read_verified_connect(struct load *l, const struct value *v, void *target)
{
	value_bool(l, v, &rule_of(target)->verified_connect);
}

static void read_resumption(struct load *l, const struct value *v, void *target)
{
	(void)target;
	bool on = false;
	if (value_bool(l, v, &on) && on)
		value_error(l, v, "resumption = true is not supported yet; remove it");
}

static void read_until(struct load *l, const struct value *v, void *target)
{
	(void)target;
	value_error(l, v, "until is not supported yet, as is mode \"permissive\"; remove it");
}

static void read_unsafe(struct load *l, const struct value *v, void *target)
{
	struct policy_rule *rule = rule_of(target);
	if (value_bool(l, v, &rule->unsafe_skip_verification) && rule->unsafe_skip_verification)
		rule->unsafe_line = value_where(l, v).line;
}

static void read_identity(struct load *l, const struct value *v, void *target)
{
	keys_read_identity(l, v, rule_of(target));
}

static void read_profile(struct load *l, const struct value *v, void *target)
{
	keys_read_profile(l, v, rule_of(target));
}

static void read_timeout(struct load *l, const struct value *v, void *target)
{
	keys_read_timeout(l, v, rule_of(target));
}

static void read_truncated(struct load *l, const struct value *v, void *target)
{
	keys_read_truncated(l, v, rule_of(target));
}

static void read_inherit(struct load *l, const struct value *v, void *target)
{
	keys_read_inherit(l, v, rule_of(target));
}

static const struct key rule_keys[] = {
	{ "name", read_name, 0 },
	{ "on", read_on, 0 },
	{ "to", read_places, ONLY_CONNECT },
	{ "from", read_places, ONLY_ACCEPT },
	{ "ports", read_ports, 0 },
	{ "programs", read_programs, 0 },
	{ "arguments", read_arguments, 0 },
	{ "users", read_users, 0 },
	{ "services", read_services, 0 },
	{ "mode", read_mode, 0 },
	{ "peer", read_peer, ONLY_TLS },
	{ "clients", read_clients, ONLY_ACCEPT | ONLY_TLS },
	{ "server_name", read_server_name, ONLY_CONNECT | ONLY_TLS },
	{ "identity", read_identity, ONLY_TLS },
	{ "profile", read_profile, ONLY_TLS },
	{ "handshake_timeout", read_timeout, ONLY_TLS },
	{ "truncated", read_truncated, ONLY_TLS },
	{ "engine", read_engine, ONLY_TLS },
	{ "verified_connect", read_verified_connect, ONLY_CONNECT | ONLY_TLS },
	{ "inherit", read_inherit, 0 },
	{ "resumption", read_resumption, ONLY_TLS },
	{ "until", read_until, 0 },
	{ "unsafe_skip_verification", read_unsafe, ONLY_TLS },
};

/* ---- the rule as a whole ------------------------------------------------------------------ */

static void check_keys(struct load *l, const struct value *v, const struct draft *draft)
{
	const struct policy_rule *rule = draft->rule;
	bool connect = rule->side == POLICY_CONNECT;
	bool idle = draft->mode_known && rule->mode != POLICY_STRICT;
	for (size_t i = 0; i < COUNT(rule_keys); i++) {
		const struct key *key = &rule_keys[i];
		const struct value *member = value_member(v, key->name);
		if (!member)
			continue;
		if (value_member(v, "on") && (key->only & (connect ? ONLY_ACCEPT : ONLY_CONNECT)))
			value_error(l, member, "%s is for rules on \"%s\" only; %s", key->name,
			            connect ? "accept" : "connect",
			            !strcmp(key->name, "from") ? "write `to`" :
			            !strcmp(key->name, "to") ? "write `from`" : "remove it");
		else if ((key->only & ONLY_TLS) && idle)
			value_warning(l, member, "%s has no effect where mode is \"%s\"", key->name,
			              policy_mode_name(rule->mode));
	}
}

static void check_peers(struct load *l, const struct value *v, struct policy_rule *rule)
{
	const struct value *clients = value_member(v, "clients");
	if (rule->peer_count > 0 && rule->clients != POLICY_CLIENTS_REQUIRED) {
		value_warning(
			l, clients,
			"clients is taken as \"required\", because peer names who may connect");
		rule->clients = POLICY_CLIENTS_REQUIRED;
	}
	if (rule->peer_count > 0 && rule->unsafe_skip_verification)
		value_error(
			l, value_member(v, "unsafe_skip_verification"),
			"unsafe_skip_verification would make peer meaningless; keep one of them");
}

static void check_rule(struct load *l, const struct value *v, const struct policy_rule *list,
                       const struct draft *draft)
{
	struct policy_rule *rule = draft->rule;
	if (!value_member(v, "name"))
		value_error(l, v, "this rule has no name; sessions and log tell of it by its name");
	if (!value_member(v, "on"))
		value_error(l, v, "this rule has no on; write on = \"connect\" or on = \"accept\"");
	if (!value_member(v, "mode"))
		value_error(l, v,
		            "this rule has no mode; use \"strict\", \"plaintext\" or \"deny\"");
	for (const struct policy_rule *other = list; other < rule && rule->name; other++)
		if (other->name && !strcmp(other->name, rule->name))
			value_error(l, value_member(v, "name"),
			            "rule \"%s\" is there already, in line %d; "
			            "names must differ",
			            rule->name, other->line);
	check_keys(l, v, draft);
	check_peers(l, v, rule);
	if (rule->mode != POLICY_STRICT)
		rule->identity = NULL;
	else if (draft->mode_known && !rule->identity && !value_member(v, "identity"))
		value_error(l, v, "this rule has no identity; add identity here or in defaults");
}

static void read_rule(struct load *l, const struct value *v, struct policy_rule *list, size_t i)
{
	struct policy_rule *rule = &list[i];
	struct policy_match *match = storage_get(l->storage, sizeof(*match));
	if (!match) {
		l->out_of_memory = true;
		return;
	}
	struct source_line where = value_where(l, v);
	*rule = l->defaults;
	rule->file = where.file;
	rule->line = where.line;
	rule->index = (unsigned)i;
	rule->match = match;
	struct draft draft = { .rule = rule, .match = match };
	keys_read_group(l, v, "a rule", rule_keys, COUNT(rule_keys), &draft);
	check_rule(l, v, list, &draft);
}

void rules_read(struct load *l, const struct value *v)
{
	size_t count = value_count(v);
	struct policy_rule *list = storage_get(l->storage, count * sizeof(*list));
	if (!list) {
		l->out_of_memory = true;
		return;
	}
	l->policy->rules = list;
	l->policy->rule_count = count;
	for (size_t i = 0; i < count; i++)
		if (value_is_group(l, value_at(v, i)))
			read_rule(l, value_at(v, i), list, i);
}
