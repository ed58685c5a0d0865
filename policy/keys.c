/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys of the policy language outside of rules: version, identities, defaults. */
#include "policy/keys.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { TIMEOUT_DEFAULT_MS = 10000, TIMEOUT_MAX = 3600 };

/* ---- what all groups share ---------------------------------------------------------------- */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance; words are short, and longer ones are no typo of a key. */
static size_t distance(const char *a, const char *b)
{
	enum { WORD_MAX = 40 };
	size_t row[WORD_MAX + 1], width = strlen(b);
	if (width > WORD_MAX || strlen(a) > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			row[j] = smaller(replaced, smaller(row[j], row[j - 1]) + 1);
		}
	}
	return row[width];
}

const char *keys_nearest(const char *word, const char *const *words, size_t count)
{
	const char *best = NULL;
	size_t least = strlen(word) / 3 + 1;
	for (size_t i = 0; i < count; i++) {
		size_t far = distance(word, words[i]);
		if (far <= least && (!best || far < least)) {
			best = words[i];
			least = far;
		}
	}
	return best;
}

static void report_unknown(struct load *l, const struct value *v, const char *what,
                           const struct key *keys, size_t count)
{
	const char *names[32] = { 0 };
	count = smaller(count, COUNT(names));
	for (size_t i = 0; i < count; i++)
		names[i] = keys[i].name;
	const char *nearest = keys_nearest(value_name(v), names, count);
	if (nearest) {
		value_error(l, v, "unknown key %s in %s; did you mean %s?", value_name(v), what,
		            nearest);
		return;
	}
	char all[512] = "";
	for (size_t i = 0, used = 0; i < count && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
		                         names[i]);
	value_error(l, v, "unknown key %s in %s; known are %s", value_name(v), what, all);
}

void keys_read_group(struct load *l, const struct value *group, const char *what,
                     const struct key *keys, size_t count, void *target)
{
	for (size_t i = 0; i < value_count(group); i++) {
		const struct value *v = value_at(group, i);
		size_t k = 0;
		while (k < count && strcmp(keys[k].name, value_name(v)) != 0)
			k++;
		if (k == count)
			report_unknown(l, v, what, keys, count);
		else if (keys[k].read)
			keys[k].read(l, v, target);
	}
}

int keys_read_word(struct load *l, const struct value *v, const char *const *words, size_t count)
{
	const char *text = value_text(l, v);
	if (!text)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(text, words[i]))
			return (int)i;
	char all[256] = "";
	for (size_t i = 0, used = 0; i < count && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s\"%s\"",
		                         i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
	value_error(l, v, "%s \"%s\" is unknown; use %s", value_name(v), text, all);
	return -1;
}

/* ---- keys of defaults and rules ----------------------------------------------------------- */

void keys_read_identity(struct load *l, const struct value *v, void *target)
{
	struct policy_rule *rule = target;
	const char *name = value_text(l, v);
	if (!name)
		return;
	const struct policy *p = l->policy;
	const char *names[64];
	size_t known = smaller(p->identity_count, COUNT(names));
	for (size_t i = 0; i < p->identity_count; i++) {
		if (p->identities[i].name && !strcmp(p->identities[i].name, name)) {
			rule->identity = &p->identities[i];
			return;
		}
	}
	for (size_t i = 0; i < known; i++)
		names[i] = p->identities[i].name ? p->identities[i].name : "";
	const char *nearest = keys_nearest(name, names, known);
	if (nearest)
		value_error(l, v, "there is no identity \"%s\"; did you mean \"%s\"?", name,
		            nearest);
	else
		value_error(l, v, "there is no identity \"%s\"; name one of the list `identities`",
		            name);
}

void keys_read_profile(struct load *l, const struct value *v, void *target)
{
	static const char *const words[] = { "modern", "intermediate", "nist" };
	int word = keys_read_word(l, v, words, COUNT(words));
	if (word >= 0)
		((struct policy_rule *)target)->profile = (enum policy_profile)word;
}

void keys_read_truncated(struct load *l, const struct value *v, void *target)
{
	static const char *const words[] = { "error", "eof" };
	int word = keys_read_word(l, v, words, COUNT(words));
	if (word >= 0)
		((struct policy_rule *)target)->truncated = (enum policy_truncated)word;
}

void keys_read_timeout(struct load *l, const struct value *v, void *target)
{
	double seconds = 0;
	if (!value_number(l, v, &seconds))
		return;
	/* Written so that a NaN does not pass. */
	if (!(seconds >= 0.001 && seconds <= TIMEOUT_MAX)) {
		value_error(l, v, "handshake_timeout is in seconds, from 0.001 to %d", TIMEOUT_MAX);
		return;
	}
	((struct policy_rule *)target)->handshake_timeout_ms = (unsigned)(seconds * 1000 + 0.5);
}

void keys_read_inherit(struct load *l, const struct value *v, void *target)
{
	value_bool(l, v, &((struct policy_rule *)target)->inherit);
}

/* ---- identities --------------------------------------------------------------------------- */

static const char *read_path(struct load *l, const struct value *v)
{
	const char *text = value_text(l, v);
	const char *path = text ? source_join(l->storage, l->path, text) : NULL;
	if (text && !path)
		l->out_of_memory = true;
	return path;
}

static void read_identity_name(struct load *l, const struct value *v, void *target)
{
	((struct policy_identity *)target)->name = value_text(l, v);
}

static void read_certificate(struct load *l, const struct value *v, void *target)
{
	struct policy_identity *identity = target;
	identity->certificate = read_path(l, v);
	identity->certificate_line = value_where(l, v).line;
}

static void read_key(struct load *l, const struct value *v, void *target)
{
	struct policy_identity *identity = target;
	identity->key = read_path(l, v);
	identity->key_line = value_where(l, v).line;
}

static void read_trust(struct load *l, const struct value *v, void *target)
{
	struct policy_identity *identity = target;
	identity->trust = read_path(l, v);
	identity->trust_line = value_where(l, v).line;
}

static void read_crl(struct load *l, const struct value *v, void *target)
{
	(void)target;
	value_error(l, v, "crl is not supported yet; remove it");
}

static void read_unsafe_key(struct load *l, const struct value *v, void *target)
{
	struct policy_identity *identity = target;
	if (value_bool(l, v, &identity->unsafe_key_permissions) && identity->unsafe_key_permissions)
		identity->unsafe_line = value_where(l, v).line;
}

static const struct key identity_keys[] = {
	{ "name", read_identity_name, 0 },
	{ "certificate", read_certificate, 0 },
	{ "key", read_key, 0 },
	{ "trust", read_trust, 0 },
	{ "crl", read_crl, 0 },
	{ "unsafe_key_permissions", read_unsafe_key, 0 },
};

static void check_identity(struct load *l, const struct value *v,
                           const struct policy_identity *list, size_t i)
{
	static const char *const wanted[] = { "name", "certificate", "key", "trust" };
	for (size_t k = 0; k < COUNT(wanted); k++)
		if (!value_member(v, wanted[k]))
			value_error(
				l, v,
				"this identity has no %s; it needs name, certificate, key and "
				"trust",
				wanted[k]);
	for (size_t j = 0; j < i && list[i].name; j++)
		if (list[j].name && !strcmp(list[j].name, list[i].name))
			value_error(l, value_member(v, "name"),
			            "identity \"%s\" is there already, in line %d; "
			            "names must differ",
			            list[i].name, list[j].line);
}

static void read_identities(struct load *l, const struct value *v, void *target)
{
	(void)target;
	if (!value_is_list(l, v))
		return;
	size_t count = value_count(v);
	struct policy_identity *list = storage_get(l->storage, count * sizeof(*list));
	if (!list) {
		l->out_of_memory = true;
		return;
	}
	l->policy->identities = list;
	l->policy->identity_count = count;
	for (size_t i = 0; i < count; i++) {
		const struct value *one = value_at(v, i);
		if (!value_is_group(l, one))
			continue;
		struct source_line where = value_where(l, one);
		list[i].file = where.file;
		list[i].line = where.line;
		list[i].index = (unsigned)i;
		keys_read_group(l, one, "an identity", identity_keys, COUNT(identity_keys),
		                &list[i]);
		check_identity(l, one, list, i);
	}
}

/* ---- defaults and the root ---------------------------------------------------------------- */

static void read_unmatched(struct load *l, const struct value *v, void *target)
{
	(void)target;
	static const char *const words[] = { "plaintext", "deny" };
	int word = keys_read_word(l, v, words, COUNT(words));
	if (word >= 0)
		l->policy->unmatched = word == 0 ? POLICY_PLAINTEXT : POLICY_DENY;
	l->policy->unmatched_line = value_where(l, v).line;
}

static const struct key default_keys[] = {
	{ "identity", keys_read_identity, 0 },
	{ "profile", keys_read_profile, 0 },
	{ "handshake_timeout", keys_read_timeout, 0 },
	{ "unmatched", read_unmatched, 0 },
	{ "truncated", keys_read_truncated, 0 },
	{ "inherit", keys_read_inherit, 0 },
};

static void read_defaults(struct load *l, const struct value *v, void *target)
{
	(void)target;
	if (value_is_group(l, v))
		keys_read_group(l, v, "defaults", default_keys, COUNT(default_keys), &l->defaults);
}

static void read_version(struct load *l, const struct value *v, void *target)
{
	(void)target;
	double version = 0;
	if (value_number(l, v, &version) && version != 1)
		value_error(l, v, "version must be 1, the only one there is");
}

static void read_rules(struct load *l, const struct value *v, void *target)
{
	(void)target;
	if (value_is_list(l, v))
		rules_read(l, v);
}

/* In the order in which they need each other, which need not be that of the file. */
static const struct key root_keys[] = {
	{ "version", read_version, 0 },
	{ "identities", read_identities, 0 },
	{ "defaults", read_defaults, 0 },
	{ "rules", read_rules, 0 },
};

void keys_read(struct load *l, const struct value *root)
{
	l->policy->unmatched = POLICY_PLAINTEXT;
	l->defaults.handshake_timeout_ms = TIMEOUT_DEFAULT_MS;

	struct key names[COUNT(root_keys)];
	for (size_t i = 0; i < COUNT(root_keys); i++)
		names[i] = (struct key){ root_keys[i].name, NULL, 0 };
	keys_read_group(l, root, "a policy", names, COUNT(names), NULL);

	if (!value_member(root, "version"))
		value_error(l, NULL, "a policy begins with: version = 1;");
	if (!value_member(root, "rules"))
		value_error(l, NULL,
		            "there is no list `rules`; without it the policy says nothing");
	for (size_t i = 0; i < COUNT(root_keys); i++) {
		const struct value *v = value_member(root, root_keys[i].name);
		if (v)
			root_keys[i].read(l, v, NULL);
	}
}
