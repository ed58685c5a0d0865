/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rule wins, and why others do not: tests/unit/policy/NAME.conf against NAME.eval. */
#include "tests/unit/policy_table.h"

#include "policy/policy.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 4 };

/* One line of a table, as the shim would ask. */
struct question {
	struct policy_program program;
	struct policy_flow flow;
	const char *names[NAMES_MAX];
	const char *rule; /* of "not RULE" lines */
};

static void read_field(const struct table *t, struct question *q, char *field)
{
	const char *value;
	if (!strncmp(field, "not ", 4))
		q->rule = field + 4;
	else if (!strncmp(field, "connect ", 8) || !strncmp(field, "accept ", 7)) {
		q->flow.side = field[0] == 'c' ? POLICY_CONNECT : POLICY_ACCEPT;
		table_place(t, strchr(field, ' ') + 1, q->flow.address, &q->flow.port);
	} else if ((value = table_value(field, "exe")))
		q->program.exe = value;
	else if ((value = table_value(field, "command")))
		q->program.command = value;
	else if ((value = table_value(field, "service")))
		q->program.service = value;
	else if ((value = table_value(field, "uid")))
		q->program.uid = (uid_t)atoi(value);
	else if ((value = table_value(field, "names"))) {
		for (char *name = strtok((char *)value, " "); name; name = strtok(NULL, " "))
			q->names[q->flow.name_count++] = name;
	} else
		cr_assert_fail("%s:%d: what is \"%s\"?", t->path, t->line, field);
}

static struct question ask(const struct table *t)
{
	struct question q = { .program = { .exe = "/usr/bin/any", .command = "any", .uid = 1000 } };
	for (size_t i = 0; t->fields[i]; i++)
		read_field(t, &q, t->fields[i]);
	return q;
}

static const struct policy_rule *find_rule(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (!strcmp(p->rules[i].name, name))
			return &p->rules[i];
	return NULL;
}

/* "rule", "rule @ name" where the name that matched is asked for, or "(no rule: deny)". */
static void answer(const struct policy *p, struct question *q, char *text, size_t size, bool name)
{
	struct policy_verdict v = policy_decide(p, &q->program, &q->flow);
	if (!v.rule)
		snprintf(text, size, "(no rule: %s)", policy_mode_name(v.mode));
	else if (name)
		snprintf(text, size, "%s @ %s", v.rule->name, v.name ? v.name : "(none)");
	else
		snprintf(text, size, "%s", v.rule->name);
	if (v.rule)
		cr_expect_eq(v.mode, v.rule->mode);
}

/* Of all rules before the winner each has a reason why not, and the winner has none. */
static void check_reasons(const struct table *t, const struct policy *p, struct question *q)
{
	char reason[512];
	struct policy_verdict v = policy_decide(p, &q->program, &q->flow);
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct policy_rule *rule = &p->rules[i];
		bool no = policy_why_not(rule, &q->program, &q->flow, reason, sizeof(reason));
		if (v.rule && i == v.rule->index)
			cr_expect(!no, "%s:%d: the winner has a reason: %s", t->path, t->line,
			          reason);
		if (!v.rule || i < v.rule->index)
			cr_expect(no, "%s:%d: no reason why %s lost", t->path, t->line, rule->name);
	}
}

static struct policy *load(const char *path)
{
	struct policy_findings findings = { 0 };
	struct policy *p = policy_load(path, -1, &findings);
	policy_findings_print(&findings, stderr);
	policy_findings_clear(&findings);
	cr_assert(p, "%s has errors", path);
	return p;
}

static void evaluate(const char *name)
{
	char path[256], table_path[256], got[1024];
	snprintf(path, sizeof(path), "tests/unit/policy/%s.conf", name);
	snprintf(table_path, sizeof(table_path), "tests/unit/policy/%s.eval", name);
	struct policy *p = load(path);
	struct table t;
	int lines = 0;
	for (table_open(&t, table_path); table_next(&t); lines++) {
		struct question q = ask(&t);
		q.flow.names = q.names;
		if (q.rule) {
			const struct policy_rule *rule = find_rule(p, q.rule);
			cr_assert(rule, "%s:%d: no rule %s", t.path, t.line, q.rule);
			const char *why =
				policy_why_not(rule, &q.program, &q.flow, got, sizeof(got));
			if (!why)
				snprintf(got, sizeof(got), "(it matches)");
		} else {
			answer(p, &q, got, sizeof(got), strstr(t.result, " @ "));
			check_reasons(&t, p, &q);
		}
		cr_expect_str_eq(got, t.result, "%s:%d: expected %s, got %s", t.path, t.line,
		                 t.result, got);
	}
	table_close(&t);
	policy_free(p);
	cr_expect_gt(lines, 0, "%s is empty", table_path);
}

Test(policy_match, design_example)
{
	evaluate("design");
}

Test(policy_match, places)
{
	evaluate("places");
}

Test(policy_match, programs)
{
	evaluate("programs");
}

Test(policy_match, unmatched_deny)
{
	evaluate("unmatched");
}

Test(policy_match, a_rule_concerns_a_program_whatever_the_address)
{
	struct policy *p = load("tests/unit/policy/programs.conf");
	struct policy_program php = { .exe = "/usr/bin/php8.2", .command = "php", .uid = 7 };
	struct policy_program other = { .exe = "/usr/bin/other", .command = "other" };
	cr_expect(policy_concerns(p, &php, POLICY_CONNECT, POLICY_STRICT));
	cr_expect(!policy_concerns(p, &php, POLICY_ACCEPT, POLICY_STRICT));
	cr_expect(!policy_concerns(p, &php, POLICY_CONNECT, POLICY_PERMISSIVE));
	cr_expect(!policy_concerns(p, &other, POLICY_CONNECT, POLICY_STRICT));
	cr_expect(policy_rule_concerns(find_rule(p, "php"), &php));
	cr_expect(!policy_rule_concerns(find_rule(p, "php"), &other));
	policy_free(p);
}

Test(policy_match, addresses_of_sockets)
{
	uint8_t address[16], want[16] = { [10] = 0xff, [11] = 0xff, 10, 1, 2, 3 };
	uint16_t port;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(6379),
		                  .sin_addr.s_addr = htonl(0x0a010203) };
	cr_expect(policy_address((struct sockaddr *)&v4, sizeof(v4), address, &port));
	cr_expect_arr_eq(address, want, 16);
	cr_expect_eq(port, 6379);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
	memcpy(&v6.sin6_addr, want, 16);
	cr_expect(policy_address((struct sockaddr *)&v6, sizeof(v6), address, &port));
	cr_expect_arr_eq(address, want, 16);
	cr_expect_eq(port, 443);
	cr_expect(!policy_address((struct sockaddr *)&v6, 8, address, &port));
	struct sockaddr local = { .sa_family = AF_UNIX };
	cr_expect(!policy_address(&local, sizeof(local), address, &port));
}
