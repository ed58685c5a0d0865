/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve policy explain: which rule speaks about a connection, and why the earlier ones do not. */
#include "tools/explain.h"
#include "tools/command.h"

#include "policy/match.h"
#include "policy/policy.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 16 };

/* The connection asked about. */
struct question {
	struct policy_program program;
	struct policy_flow flow;
	const char *names[NAMES_MAX];
	const char *on, *place, *port, *address, *user, *policy; /* as given */
	char host[256];
	char exe[PATH_MAX];
};

static bool complain(const char *what, const char *argument)
{
	fprintf(stderr, "sleeve: policy explain: %s%s\n", what, argument);
	return false;
}

/* ---- the question ------------------------------------------------------------------------- */

static bool add_name(struct question *q, const char *name)
{
	if (q->flow.name_count == NAMES_MAX - 1)
		return complain("too many names", "");
	q->names[q->flow.name_count++] = name;
	return true;
}

static bool check_sides(struct question *q, const char *to, const char *from)
{
	if (!q->on || (strcmp(q->on, "connect") && strcmp(q->on, "accept")))
		return complain("say --on connect or --on accept", "");
	q->flow.side = !strcmp(q->on, "connect") ? POLICY_CONNECT : POLICY_ACCEPT;
	q->place = q->flow.side == POLICY_CONNECT ? to : from;
	if (q->flow.side == POLICY_CONNECT && (!to || from))
		return complain("--on connect wants --to, and no --from", "");
	if (q->flow.side == POLICY_ACCEPT && (!from || to))
		return complain("--on accept wants --from, and no --to", "");
	return true;
}

static bool read_options(int argc, char **argv, struct question *q)
{
	const char *to = NULL, *from = NULL, *name = NULL;
	const struct {
		const char *name, **value;
	} known[] = {
		{"on", &q->on},
		{"to", &to},
		{"from", &from},
		{"port", &q->port},
		{"name", &name},
		{"address", &q->address},
		{"program", &q->program.exe},
		{"arguments", &q->program.command},
		{"user", &q->user},
		{"service", &q->program.service},
		{"policy", &q->policy},
	};
	enum { KNOWN = sizeof(known) / sizeof(*known) };
	struct option options[KNOWN + 1] = {0};
	for (int i = 0; i < KNOWN; i++)
		options[i] = (struct option){known[i].name, required_argument, NULL, i};

	opterr = 0;
	optind = 0; /* glibc: begin anew, whatever was read before */
	for (int i; (i = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
		if (i < 0 || i >= KNOWN)
			return complain("this option is unknown or lacks its value: ",
			                argv[optind - 1]);
		*known[i].value = optarg;
		if (known[i].value == &name && !add_name(q, name))
			return false;
	}
	if (optind < argc)
		return complain("what is meant by ", argv[optind]);
	return check_sides(q, to, from);
}

static bool read_port(struct question *q, const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || port < 1 || port > 65535)
		return complain("a port is a number from 1 to 65535, not ", text);
	q->flow.port = (uint16_t)port;
	return true;
}

/* Parts "10.1.2.3:80", "[::1]:80", "host:80" and the same without a port. */
static bool split_place(struct question *q)
{
	uint8_t address[16];
	const char *text = q->place, *colon = strrchr(text, ':');
	if (colon && text[0] != '[' && place_address(text, address))
		colon = NULL; /* all the colons are those of an IPv6 address */
	if (colon && text[0] == '[' && colon[-1] != ']')
		colon = NULL;
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	if (text[0] == '[') {
		if (length < 2 || text[length - 1] != ']')
			return complain("write IPv6 as [::1]:80, not ", text);
		text++;
		length -= 2;
	}
	if (length >= sizeof(q->host))
		return complain("too long: ", q->place);
	memcpy(q->host, text, length);
	/* Where the peer's own port is given on accept, it plays no part. */
	if (colon && q->flow.side == POLICY_CONNECT && !q->port)
		q->port = colon + 1;
	return true;
}

static bool read_place(struct question *q)
{
	char why[512];
	if (!split_place(q))
		return false;
	if (!q->port)
		return complain("which port? say --port, or --to ADDRESS:PORT", "");
	if (!read_port(q, q->port))
		return false;
	if (place_address(q->host, q->flow.address))
		return q->address ? complain("--address goes with a host name in --to", "") : true;
	if (!host_check(q->host, false, why, sizeof(why)))
		return complain(why, "");
	/* What --to names was looked up last. */
	memmove(q->names + 1, q->names, q->flow.name_count * sizeof(*q->names));
	q->names[0] = q->host;
	q->flow.name_count++;
	q->flow.no_address = !q->address;
	if (q->address && !place_address(q->address, q->flow.address))
		return complain("this is not an address: ", q->address);
	return true;
}

static bool read_who(struct question *q)
{
	q->program.uid = geteuid();
	if (q->user) {
		char *end, *passwd = users_read(-1);
		bool found = passwd && users_find(passwd, q->user, &q->program.uid);
		free(passwd);
		unsigned long id = strtoul(q->user, &end, 10);
		if (!found && (*end || end == q->user || id >= (uid_t)-1))
			return complain("/etc/passwd knows no user ", q->user);
		if (!found)
			q->program.uid = (uid_t)id;
	}
	/* Rules see the program's real path, with links followed. */
	if (q->program.exe && realpath(q->program.exe, q->exe))
		q->program.exe = q->exe;
	if (!q->program.command)
		q->program.command = q->program.exe;
	return true;
}

/* ---- the answer --------------------------------------------------------------------------- */

static void print_question(const struct question *q)
{
	char address[INET6_ADDRSTRLEN] = "an unknown address";
	if (!q->flow.no_address)
		place_print(q->flow.address, address, sizeof(address));
	if (q->flow.side == POLICY_CONNECT)
		printf("A connection to %s, port %u", address, q->flow.port);
	else
		printf("A connection from %s to port %u", address, q->flow.port);
	for (size_t i = 0; i < q->flow.name_count; i++)
		printf("%s%s", i ? ", " : ", resolved as ", q->names[i]);
	printf("\n  by %s, user %lu", q->program.exe ? q->program.exe : "an unknown program",
	       (unsigned long)q->program.uid);
	if (q->program.service)
		printf(", service %s", q->program.service);
	puts(":");
}

static void print_peer(const struct policy_verdict *v, const struct question *q)
{
	static const char *const clients[] = {
		[POLICY_CLIENTS_REQUIRED] =
			"must show a certificate the identity's trust vouches for",
		[POLICY_CLIENTS_OPTIONAL] = "may show a certificate, and is verified if it does",
		[POLICY_CLIENTS_NONE] = "is not asked for a certificate",
	};
	const struct policy_rule *rule = v->rule;
	char address[INET6_ADDRSTRLEN];
	const char *name = rule->server_name ? rule->server_name : v->name;
	const char *who = rule->side == POLICY_CONNECT ? "the peer" : "the client";
	if (rule->unsafe_skip_verification)
		printf("    %s is NOT verified (unsafe_skip_verification)\n", who);
	else if (rule->peer_count > 0) {
		printf("    %s must prove to be %s", who, rule->peer_count > 1 ? "one of " : "");
		for (size_t i = 0; i < rule->peer_count; i++)
			printf("%s%s", i ? ", " : "", rule->peers[i].text);
		puts("");
	} else if (rule->side == POLICY_ACCEPT)
		printf("    the client %s\n", clients[rule->clients]);
	else if (name)
		printf("    the peer's certificate must be for %s (%s)\n", name,
		       rule->server_name ? "server_name" : "what the program resolved");
	else if (!q->flow.no_address) {
		place_print(q->flow.address, address, sizeof(address));
		printf("    the peer's certificate must hold the address %s, as no name is known\n",
		       address);
	}
}

static void print_winner(const struct policy_verdict *v, const struct question *q)
{
	const struct policy_rule *rule = v->rule;
	printf("%s:%d: rule \"%s\" wins: %s\n", rule->file, rule->line, rule->name,
	       policy_mode_name(rule->mode));
	if (rule->mode == POLICY_PLAINTEXT)
		puts("    the connection is left as it is");
	else if (rule->mode == POLICY_DENY)
		puts(rule->side == POLICY_CONNECT ? "    connect fails with EPERM"
		                                  : "    the accepted socket is closed");
	else {
		printf("    TLS or nothing: identity \"%s\", profile %s, %g s for the handshake\n",
		       rule->identity->name, policy_profile_name(rule->profile),
		       rule->handshake_timeout_ms / 1000.0);
		print_peer(v, q);
	}
}

static void print_answer(const struct policy *p, const struct question *q)
{
	char reason[1024];
	struct policy_verdict v = policy_decide(p, &q->program, &q->flow);
	size_t end = v.rule ? v.rule->index : p->rule_count;
	print_question(q);
	for (size_t i = 0; i < end; i++) {
		const struct policy_rule *rule = &p->rules[i];
		policy_why_not(rule, &q->program, &q->flow, reason, sizeof(reason));
		printf("%s:%d: rule \"%s\" does not match: %s\n", rule->file, rule->line,
		       rule->name, reason);
	}
	if (v.rule)
		print_winner(&v, q);
	else if (p->unmatched_line)
		printf("%s:%d: no rule matches: unmatched = \"%s\"\n", p->path, p->unmatched_line,
		       policy_mode_name(v.mode));
	else
		printf("%s: no rule matches, and without defaults.unmatched that means plaintext\n",
		       p->path);
}

int explain_run(int argc, char **argv)
{
	struct question q = {0};
	if (!read_options(argc, argv, &q) || !read_place(&q) || !read_who(&q))
		return EXIT_MISUSE;
	q.flow.names = q.names;
	struct policy_findings findings = {0};
	struct policy *p = policy_load(q.policy ? q.policy : policy_default_path(), -1, &findings);
	if (p)
		print_answer(p, &q);
	else
		policy_findings_print(&findings, stderr);
	policy_findings_clear(&findings);
	policy_free(p);
	return p ? EXIT_FINE : EXIT_FINDINGS;
}
