/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys of the policy language: what each may hold, and where it goes in the snapshot. */
#ifndef SLEEVE_POLICY_KEYS_H
#define SLEEVE_POLICY_KEYS_H

#include "policy/match.h"
#include "policy/source.h"
#include "policy/storage.h"

/* One load of one policy. */
struct load {
	struct policy_findings *findings;
	struct storage *storage; /* outlives the load when it went well */
	struct policy *policy;   /* in storage, being filled */
	const char *path;
	struct source source;
	int dirfd;
	char *passwd;            /* text of /etc/passwd, read when the first user name is met */
	bool passwd_read;
	bool out_of_memory;
	struct policy_rule defaults;
};

/* ---- values: what parse.c shows of libconfig ---------------------------------------------- */

struct value; /* one setting of the file */

/* Findings at the line of the value; value_error always returns false. */
bool value_error(struct load *l, const struct value *v, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void value_warning(struct load *l, const struct value *v, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct source_line value_where(const struct load *l, const struct value *v);

const char *value_name(const struct value *v); /* of an entry of a list: the list's name */
size_t value_count(const struct value *v);
const struct value *value_at(const struct value *v, size_t i);
const struct value *value_member(const struct value *group, const char *name); /* or NULL */

/* Each reports a wrong type itself. */
bool value_is_group(struct load *l, const struct value *v);
bool value_is_list(struct load *l, const struct value *v);
bool value_bool(struct load *l, const struct value *v, bool *result);
bool value_number(struct load *l, const struct value *v, double *result); /* 10 or 10.0 */
/* A copy in storage; NULL when reported, or when memory is out. */
const char *value_text(struct load *l, const struct value *v);

bool value_is_text(const struct value *v); /* reports nothing */

/* ---- keys --------------------------------------------------------------------------------- */

/* Reads the root group of the file into l->policy. */
void keys_read(struct load *l, const struct value *root);

/* What a key is allowed with; 0 in `only` means with everything. */
enum key_only {
	ONLY_CONNECT = 1, /* an error on accept */
	ONLY_ACCEPT = 2,  /* an error on connect */
	ONLY_TLS = 4,     /* has no effect where mode is plaintext or deny */
};

/* A target is the struct that is being filled; which one, the table's owner knows. */
struct key {
	const char *name;
	void (*read)(struct load *l, const struct value *v, void *target);
	unsigned only;
};

/* Reads every member of the group; an unknown one is reported, with the nearest known name. */
void keys_read_group(struct load *l, const struct value *group, const char *what,
                     const struct key *keys, size_t count, void *target);

/* Reads one of `words` and gives its position; -1 when reported. */
int keys_read_word(struct load *l, const struct value *v, const char *const *words, size_t count);

/* The one of `words` that `word` was probably meant to be; NULL where none is near. */
const char *keys_nearest(const char *word, const char *const *words, size_t count);

/* Keys that stand both in defaults and in a rule; the target is a struct policy_rule. */
void keys_read_identity(struct load *l, const struct value *v, void *rule);
void keys_read_profile(struct load *l, const struct value *v, void *rule);
void keys_read_timeout(struct load *l, const struct value *v, void *rule);
void keys_read_truncated(struct load *l, const struct value *v, void *rule);
void keys_read_inherit(struct load *l, const struct value *v, void *rule);

/* The list of rules (policy/rules.c), and what a rule matches (policy/scope.c). */
void rules_read(struct load *l, const struct value *list);
void scope_read_places(struct load *l, const struct value *v, struct policy_match *match);
void scope_read_ports(struct load *l, const struct value *v, struct policy_match *match);
void scope_read_users(struct load *l, const struct value *v, struct policy_match *match);
/* Strings, each of which `check` (may be NULL) has looked at; *has is set where there are any. */
struct texts scope_read_texts(struct load *l, const struct value *v, bool *has,
                              bool (*check)(struct load *l, const struct value *v,
                                            const char *text));

#endif
