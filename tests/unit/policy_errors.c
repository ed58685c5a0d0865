/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of a policy: the cases of tests/unit/policy/NAME.cases, findings and all. */
#include "policy/policy.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A file of cases:
 *	=== what the case is about
 *	the policy, whose first line is line 1
 *	---
 *	3: error: all findings, in order, as printed behind the file name
 */
struct cases {
	FILE *file;
	const char *path;
	int line, first;           /* of the file, and of the case */
	char title[512], next[512]; /* of the case, and of the one behind it */
	char policy[8192], wanted[8192];
};

static void append(char *to, size_t size, const char *line)
{
	cr_assert_lt(strlen(to) + strlen(line), size);
	memcpy(to + strlen(to), line, strlen(line) + 1);
}

static void open_cases(struct cases *c, const char *path)
{
	*c = (struct cases){ .path = path, .file = fopen(path, "r"), .line = 1 };
	cr_assert(c->file, "%s cannot be opened; run from the top folder", path);
	cr_assert(fgets(c->next, sizeof(c->next), c->file) && !strncmp(c->next, "=== ", 4));
}

static bool next_case(struct cases *c)
{
	char line[2048];
	bool behind = false;
	memcpy(c->title, c->next, sizeof(c->title));
	c->first = c->line;
	c->policy[0] = c->wanted[0] = c->next[0] = '\0';
	while (fgets(line, sizeof(line), c->file)) {
		c->line++;
		if (!strncmp(line, "=== ", 4)) {
			snprintf(c->next, sizeof(c->next), "%.500s", line);
			break;
		}
		if (!strcmp(line, "---\n"))
			behind = true;
		else if (!behind)
			append(c->policy, sizeof(c->policy), line);
		else if (line[0] != '\n')
			append(c->wanted, sizeof(c->wanted), line);
	}
	return c->title[0] != '\0';
}

/* The findings without the name of the file, as in the tables. */
static void tell(const struct policy_findings *f, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < f->count; i++) {
		char line[2048];
		snprintf(line, sizeof(line), "%d: %s: %s\n", f->list[i].line,
		         f->list[i].severity == POLICY_ERROR ? "error" : "warning",
		         f->list[i].text);
		append(text, size, line);
	}
}

static void check_case(const struct cases *c, const char *path)
{
	FILE *f = fopen(path, "w");
	cr_assert(f);
	fputs(c->policy, f);
	fclose(f);
	struct policy_findings findings = { 0 };
	struct policy *p = policy_load(path, -1, &findings);
	cr_expect_eq(p == NULL, findings.errors > 0, "%s:%d: a snapshot and errors", c->path,
	             c->first);
	if (p)
		policy_review(p, &findings);
	char got[16384];
	tell(&findings, got, sizeof(got));
	cr_expect_str_eq(got, c->wanted, "%s:%d: %s--- wanted\n%s--- got\n%s", c->path, c->first,
	                 c->title, c->wanted, got);
	for (size_t i = 0; i < findings.count; i++)
		cr_expect_str_eq(findings.list[i].file, path);
	policy_findings_clear(&findings);
	policy_free(p);
}

static void check_cases(const char *path)
{
	char policy[] = "/tmp/sleeve-policy-XXXXXX";
	int fd = mkstemp(policy);
	cr_assert_geq(fd, 0);
	close(fd);
	struct cases c;
	int count = 0;
	for (open_cases(&c, path); next_case(&c); count++)
		check_case(&c, policy);
	cr_expect_gt(count, 3);
	fclose(c.file);
	unlink(policy);
}

Test(policy_errors, syntax)
{
	check_cases("tests/unit/policy/syntax.cases");
}

Test(policy_errors, keys)
{
	check_cases("tests/unit/policy/keys.cases");
}

Test(policy_errors, rules)
{
	check_cases("tests/unit/policy/rules.cases");
}

Test(policy_errors, review)
{
	check_cases("tests/unit/policy/review.cases");
}

static void expect_named(const char *path, const char *key)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	cr_assert(f, "%s cannot be opened", path);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	cr_expect(strstr(text, key), "%s does not speak of %s", path, key);
}

/* The policy itself says which keys it knows, when it meets one that is like none of them. */
Test(policy_errors, every_key_is_documented)
{
	struct policy_findings f = { 0 };
	cr_expect_null(policy_load("tests/unit/policy/unknown-keys.conf", -1, &f));
	cr_assert_eq(f.count, 4);
	int keys = 0;
	for (size_t i = 0; i < f.count; i++) {
		char *list = strstr(f.list[i].text, "; known are ");
		cr_assert(list, "%s", f.list[i].text);
		for (char *key = strtok(list + 12, ", "); key; key = strtok(NULL, ", "), keys++) {
			expect_named("policy/example.conf", key);
			expect_named("policy/sleeve.conf.5", key);
		}
	}
	cr_expect_geq(keys, 37, "only %d keys", keys);
	policy_findings_clear(&f);
}

Test(policy_errors, the_example_is_right)
{
	struct policy_findings f = { 0 };
	struct policy *p = policy_load("policy/example.conf", -1, &f);
	cr_assert(p);
	policy_review(p, &f);
	policy_findings_print(&f, stderr);
	cr_expect_eq(f.count, 0);
	cr_expect_eq(p->rules[p->rule_count - 1].mode, POLICY_DENY);
	policy_findings_clear(&f);
	policy_free(p);
}

/* What a rule leaves out comes from defaults; what peer demands, clients cannot take back. */
Test(policy_errors, values_arrive)
{
	struct policy_findings f = { 0 };
	struct policy *p = policy_load("tests/unit/policy/values.conf", -1, &f);
	policy_findings_print(&f, stderr);
	policy_findings_clear(&f);
	cr_assert(p);
	const struct policy_identity *first = &p->identities[0];
	cr_expect_str_eq(first->certificate, "tests/unit/policy/a.crt");
	cr_expect_str_eq(first->key, "/etc/a.key");
	cr_expect_str_eq(first->trust, "tests/unit/policy/../ca.crt");
	cr_expect_eq(first->key_line, 4);
	cr_expect_eq(first->trust_line, 5);

	const struct policy_rule *plain = &p->rules[0], *own = &p->rules[1], *server = &p->rules[2];
	cr_expect_eq(plain->identity, first);
	cr_expect_eq(plain->profile, POLICY_NIST);
	cr_expect_eq(plain->truncated, POLICY_TRUNCATED_EOF);
	cr_expect_eq(plain->handshake_timeout_ms, 2500);
	cr_expect(!plain->verified_connect);
	cr_expect(plain->inherit);
	cr_expect_eq(own->identity, &p->identities[1]);
	cr_expect_eq(own->profile, POLICY_INTERMEDIATE);
	cr_expect_eq(own->truncated, POLICY_TRUNCATED_ERROR);
	cr_expect_eq(own->handshake_timeout_ms, 3000);
	cr_expect(own->verified_connect);
	cr_expect(!own->inherit);
	cr_expect_str_eq(own->server_name, "db.internal");
	cr_expect_eq(server->clients, POLICY_CLIENTS_REQUIRED);
	cr_expect_eq(server->peer_count, 1);
	cr_expect_eq(p->rules[3].clients, POLICY_CLIENTS_NONE);
	cr_expect_null(p->rules[4].identity);
	policy_free(p);
}

static void expect_only(const char *path, const char *part)
{
	struct policy_findings f = { 0 };
	struct policy *p = policy_load(path, -1, &f);
	cr_expect_null(p);
	cr_expect_eq(f.errors, 1);
	cr_expect(f.count == 1 && strstr(f.list[0].text, part), "%s: \"%s\" is not about \"%s\"",
	          path, f.count ? f.list[0].text : "nothing", part);
	policy_findings_clear(&f);
}

Test(policy_errors, files_that_cannot_be_read)
{
	expect_only("/nonexistent/policy.conf",
	            "cannot open /nonexistent/policy.conf: No such file");
	expect_only("/tmp", "not a regular file");
	expect_only("/dev/zero", "not a regular file");

	/* Nobody ever writes to it: opening must not wait. */
	char fifo[] = "/tmp/sleeve-fifo-XXXXXX";
	cr_assert(mkdtemp(fifo));
	char path[64];
	snprintf(path, sizeof(path), "%s/fifo", fifo);
	cr_assert_eq(mkfifo(path, 0600), 0);
	expect_only(path, "not a regular file");
	unlink(path);
	rmdir(fifo);
}

static struct policy *load_text(const char *text, size_t length, struct policy_findings *f)
{
	char path[] = "/tmp/sleeve-policy-XXXXXX";
	int fd = mkstemp(path);
	cr_assert_eq(write(fd, text, length), (ssize_t)length);
	close(fd);
	struct policy *p = policy_load(path, -1, f);
	unlink(path);
	return p;
}

Test(policy_errors, a_nul_does_not_hide_the_rest)
{
	static const char text[] = "version = 1; rules = ();\n\0 version = 7;";
	struct policy_findings f = { 0 };
	cr_expect_null(load_text(text, sizeof(text) - 1, &f));
	cr_assert_eq(f.count, 1);
	cr_expect_eq(f.list[0].line, 2);
	policy_findings_clear(&f);
}

/* The findings of an included file bear its name; a file that includes itself ends somewhere. */
Test(policy_errors, includes)
{
	struct policy_findings f = { 0 };
	cr_expect_null(policy_load("tests/unit/policy/include-outer.conf", -1, &f));
	cr_assert_eq(f.count, 2);
	cr_expect_str_eq(f.list[0].file, "tests/unit/policy/include-inner.conf");
	cr_expect_eq(f.list[0].line, 3);
	cr_expect_str_eq(f.list[1].file, "tests/unit/policy/include-outer.conf");
	cr_expect_eq(f.list[1].line, 6);
	policy_findings_clear(&f);

	cr_expect_null(policy_load("tests/unit/policy/include-itself.conf", -1, &f));
	cr_assert_eq(f.count, 1);
	cr_expect(strstr(f.list[0].text, "does one include itself?"));
	policy_findings_clear(&f);

	static const char missing[] = "version = 1;\n\n @include \"missing\"\n";
	cr_expect_null(load_text(missing, sizeof(missing) - 1, &f));
	cr_assert_eq(f.count, 1);
	cr_expect_eq(f.list[0].line, 3);
	cr_expect(strstr(f.list[0].text, "cannot open /tmp/missing: No such file"));
	policy_findings_clear(&f);
}

Test(policy_errors, many_mistakes_are_bounded)
{
	static char text[200000] = "version = 1; rules = (";
	size_t length = strlen(text);
	for (int i = 0; i < 5000; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s{ a%d = 1; }\n",
		                           i ? "," : "", i);
	length += (size_t)snprintf(text + length, sizeof(text) - length, ");");
	struct policy_findings f = { 0 };
	cr_expect_null(load_text(text, length, &f));
	cr_expect_eq(f.count, 1000);
	cr_expect_gt(f.errors, 5000);
	policy_findings_clear(&f);
}

/* The host program's locale is its own, and a comma in it does not make 2.5 seconds 2. */
Test(policy_errors, locale_is_kept)
{
	static const char text[] =
		"version = 1;\nidentities = ({ name = \"i\"; certificate = \"c\"; key = "
		"\"k\"; trust = \"t\"; });\nrules = ({ name = \"a\"; on = \"connect\"; mode = "
		"\"strict\"; identity = \"i\"; handshake_timeout = 2.5; });\n";
	static const char *const commas[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C" };
	locale_t mine = (locale_t)0;
	for (size_t i = 0; i < sizeof(commas) / sizeof(*commas) && !mine; i++)
		mine = newlocale(LC_ALL_MASK, commas[i], (locale_t)0);
	cr_assert(mine);
	locale_t before = uselocale(mine);
	struct policy_findings f = { 0 };
	struct policy *p = load_text(text, sizeof(text) - 1, &f);
	cr_expect_eq(uselocale((locale_t)0), mine, "the thread's locale was changed");
	uselocale(before);
	policy_findings_print(&f, stderr);
	cr_assert(p);
	cr_expect_eq(p->rules[0].handshake_timeout_ms, 2500);
	policy_free(p);
	freelocale(mine);
}
