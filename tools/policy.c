/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve policy: is a policy right, and what does it say of one connection? */
#include "tools/command.h"
#include "tools/explain.h"
#include "tools/text.h"

#include "policy/policy.h"
#include "shim/tls/identity.h"

#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"usage: sleeve policy check [--strict] [FILE]\n"
	"       sleeve policy explain --on connect --to ADDRESS:PORT|HOST:PORT [--name HOST]...\n"
	"                             [--address ADDRESS] [WHO] [--policy FILE]\n"
	"       sleeve policy explain --on accept --from ADDRESS --port PORT [WHO]\n"
	"                             [--policy FILE]\n"
	"WHO:   [--program PATH] [--arguments \"COMMAND LINE\"] [--user NAME|ID] [--service NAME]\n"
	"FILE is $SLEEVE_POLICY, or /etc/sleeve/policy.conf, where it is not given.\n";

const char *policy_default_path(void)
{
	const char *path = getenv("SLEEVE_POLICY");
	return path && *path ? path : "/etc/sleeve/policy.conf";
}

static int misuse(const char *what, const char *argument)
{
	fprintf(stderr, "sleeve: policy: %s%s\n%s", what, argument, usage_text);
	return EXIT_MISUSE;
}

/* ---- check -------------------------------------------------------------------------------- */

static void print_identity(const struct policy_identity *identity,
                           const struct identity_facts *facts)
{
	char subject[512];
	printf("identity \"%s\": %s, %s, expires %s, trusts %zu CA certificate%s\n", identity->name,
	       text_escape(subject, sizeof(subject), facts->subject), facts->key,
	       text_time(facts->not_after), facts->trusted, facts->trusted == 1 ? "" : "s");
}

/* What of it is good is told too: a check that says nothing might not have looked. */
static void examine(const struct policy *p, struct policy_findings *findings)
{
	for (size_t i = 0; i < p->identity_count; i++) {
		struct identity_facts facts = {0};
		if (identity_examine(&p->identities[i], NULL, &facts, findings))
			print_identity(&p->identities[i], &facts);
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static int check(const char *path, bool strict)
{
	struct policy_findings findings = {0};
	struct policy *p = policy_load(path, -1, &findings);
	if (p) {
		policy_review(p, &findings);
		examine(p, &findings);
	}
	fflush(stdout);
	policy_findings_print(&findings, stderr);
	size_t warnings = 0;
	for (size_t i = 0; i < findings.count; i++)
		warnings += findings.list[i].severity == POLICY_WARNING;
	bool bad = findings.errors > 0 || (strict && warnings > 0);
	if (bad)
		fprintf(stderr, "%s: %zu error%s, %zu warning%s\n", path, findings.errors,
		        plural(findings.errors), warnings, plural(warnings));
	else
		printf("%s: OK: %zu rule%s, %zu identit%s, %zu warning%s\n", path, p->rule_count,
		       plural(p->rule_count), p->identity_count,
		       p->identity_count == 1 ? "y" : "ies", warnings, plural(warnings));
	policy_findings_clear(&findings);
	policy_free(p);
	return bad ? EXIT_FINDINGS : EXIT_FINE;
}

static int command_policy_check(int argc, char **argv)
{
	const char *path = NULL;
	bool strict = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--strict"))
			strict = true;
		else if (argv[i][0] == '-' && argv[i][1])
			return misuse("unknown option ", argv[i]);
		else if (path)
			return misuse("one file at a time, not also ", argv[i]);
		else
			path = argv[i];
	}
	return check(path ? path : policy_default_path(), strict);
}

/* ---- which of the two --------------------------------------------------------------------- */

int command_policy(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "check"))
		return command_policy_check(argc - 1, argv + 1);
	if (!strcmp(what, "explain")) {
		int status = explain_run(argc - 1, argv + 1);
		if (status == EXIT_MISUSE)
			fputs(usage_text, stderr);
		return status;
	}
	if (!strcmp(what, "help") || !strcmp(what, "--help") || !strcmp(what, "-h")) {
		fputs(usage_text, stdout);
		return EXIT_FINE;
	}
	return *what ? misuse("there is no policy ", what) : misuse("check or explain?", "");
}
