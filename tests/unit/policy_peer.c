/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom a rule lets in: tests/unit/policy/peer.eval, and names that are made to be slow. */
#include "tests/unit/policy_table.h"

#include "policy/glob.h"
#include "policy/match.h"
#include "policy/policy.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 8 };

/* One line of the table: a rule, what the program asked for, and the names of a certificate. */
struct question {
	struct policy_rule rule;
	struct policy_peer peers[NAMES_MAX];
	struct policy_names names;
	const char *dns[NAMES_MAX], *uri[NAMES_MAX];
	uint8_t ip[NAMES_MAX][16];
	const char *expected;
	uint8_t address[16];
};

static void add_peer(const struct table *t, struct question *q, char *text)
{
	char why[512];
	cr_assert(peer_read(text, &q->peers[q->rule.peer_count++], why, sizeof(why)), "%s:%d: %s",
	          t->path, t->line, why);
}

static void add_name(const struct table *t, struct question *q, char *text)
{
	struct policy_names *n = &q->names;
	if (!strncmp(text, "dns:", 4))
		q->dns[n->dns_count++] = text + 4;
	else if (!strncmp(text, "uri:", 4))
		q->uri[n->uri_count++] = text + 4;
	else if (!strncmp(text, "cn:", 3))
		n->cn = text + 3;
	else if (!strncmp(text, "ip:", 3))
		cr_assert(place_address(text + 3, q->ip[n->ip_count++]));
	else if (!strncmp(text, "key:", 4))
		memset(n->spki, atoi(text + 4), sizeof(n->spki));
	else
		cr_assert_fail("%s:%d: what is \"%s\"?", t->path, t->line, text);
}

static void each_word(const struct table *t, struct question *q, const char *text,
                      void (*add)(const struct table *, struct question *, char *))
{
	char *rest = NULL;
	for (char *word = strtok_r((char *)text, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		add(t, q, word);
}

static void read_question(const struct table *t, struct question *q)
{
	*q = (struct question){ 0 };
	cr_assert(place_address("192.0.2.1", q->address));
	for (size_t i = 0; t->fields[i]; i++) {
		const char *field = t->fields[i], *value;
		if (!strcmp(field, "connect") || !strcmp(field, "accept"))
			q->rule.side = field[0] == 'c' ? POLICY_CONNECT : POLICY_ACCEPT;
		else if ((value = table_value(field, "peer")))
			each_word(t, q, value, add_peer);
		else if ((value = table_value(field, "certificate")))
			each_word(t, q, value, add_name);
		else if ((value = table_value(field, "name")))
			q->expected = value;
		else if ((value = table_value(field, "address")))
			cr_assert(place_address(value, q->address));
		else
			cr_assert_fail("%s:%d: what is \"%s\"?", t->path, t->line, field);
	}
	q->rule.peers = q->peers;
	q->names.dns = q->dns;
	q->names.uri = q->uri;
	q->names.ip = (const uint8_t (*)[16])q->ip;
}

Test(policy_peer, table)
{
	struct table t;
	int lines = 0;
	for (table_open(&t, "tests/unit/policy/peer.eval"); table_next(&t); lines++) {
		struct question q;
		char buffer[256];
		read_question(&t, &q);
		const char *got = policy_peer_accept(&q.rule, q.expected, q.address, &q.names,
		                                     buffer, sizeof(buffer));
		got = got ? got : "refused";
		cr_expect_str_eq(got, t.result, "%s:%d: expected %s, got %s", t.path, t.line,
		                 t.result, got);
	}
	table_close(&t);
	cr_expect_gt(lines, 0);
}

/* With a matcher that tries all ways, this would not end in the life of the universe. */
Test(policy_peer, hostile_names_take_no_time, .timeout = 20)
{
	char name[2049] = "spiffe://prod/";
	memset(name + strlen(name), 'a', sizeof(name) - 1 - strlen(name));
	name[sizeof(name) - 1] = '\0';
	const char *uri[] = { name };
	struct policy_peer peer;
	char why[512], buffer[64];
	cr_assert(peer_read("uri:spiffe://**a**a*a**a*a**a*a**a*a**a*a*a*a*a**a*a*a*a*a*a*ab",
	                    &peer, why, sizeof(why)));
	struct policy_rule rule = { .side = POLICY_ACCEPT, .peers = &peer, .peer_count = 1 };
	struct policy_names names = { .uri = uri, .uri_count = 1 };
	cr_expect_null(policy_peer_accept(&rule, NULL, NULL, &names, buffer, sizeof(buffer)));
	name[sizeof(name) - 2] = 'b';
	cr_expect(policy_peer_accept(&rule, NULL, NULL, &names, buffer, sizeof(buffer)));
	cr_expect_eq(strlen(buffer), sizeof(buffer) - 1, "a long name is cut to the buffer");
}

/* `at` is the place in pattern; the definition of glob.h, written down as it reads. */
static bool simple_match(const char *pattern, const char *at, const char *text)
{
	if (!*at)
		return !*text;
	if (*at != '*')
		return *at == *text && simple_match(pattern, at + 1, text + 1);
	bool wide = at[1] == '*' || (at > pattern && at[-1] == '*');
	bool segment = !wide && (at == pattern || at[-1] == '/') && (!at[1] || at[1] == '/');
	for (size_t n = segment ? 1 : 0;; n++) {
		if (n > strlen(text) || (n && !wide && text[n - 1] == '/'))
			return false;
		if (simple_match(pattern, at + 1, text + n))
			return true;
	}
}

Test(policy_peer, globs_agree_with_the_simplest_matcher)
{
	/* All patterns and all texts of up to 5 characters, against a few lines of recursion. */
	static const char letters[] = "a/*";
	char pattern[6], text[6];
	for (int p = 0; p < 1024; p++) {
		size_t length = 0;
		for (int rest = p; rest % 4 && length < 5; rest /= 4)
			pattern[length++] = letters[rest % 4 - 1];
		pattern[length] = '\0';
		for (int s = 0; s < 243; s++) {
			length = 0;
			for (int rest = s; rest % 3 && length < 5; rest /= 3)
				text[length++] = letters[rest % 3 - 1];
			text[length] = '\0';
			bool want = simple_match(pattern, pattern, text);
			cr_expect_eq(glob_match(pattern, text, '/'), want, "%s against %s", pattern,
			             text);
		}
	}
}
