/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies that are well-formed and yet may not say what was meant. */
#include "policy/match.h"
#include "policy/glob.h"

#include <string.h>

/* ---- does one set of connections hold all of another? ------------------------------------- */

/*
 * All of these err to one side: true is certain, false may be a set that was too hard to compare.
 * A warning that cries wolf would be worse than one that is missing.
 */

static bool net_is_covered(const struct policy_match *outer, const struct net *net)
{
	for (size_t i = 0; i < outer->net_count; i++)
		if (net_covers(&outer->nets[i], net))
			return true;
	return false;
}

/* A pattern is a name to host_match: its `*` is a label like any other, and `**` two at least. */
static bool host_is_covered(const struct policy_match *outer, const char *host)
{
	for (size_t i = 0; i < outer->hosts.count; i++) {
		const char *pattern = outer->hosts.list[i];
		if (!strcmp(pattern, host))
			return true;
		if (strncmp(host, "**.", 3) != 0 && host_match(pattern, host))
			return true;
		if (!strncmp(pattern, "**.", 3) && !strncmp(host, "**.", 3) &&
		    host_match(pattern, host + 3))
			return true;
	}
	return false;
}

static bool covers_everywhere(const struct policy_match *m)
{
	static const struct net v4 = { .address = { [10] = 0xff, [11] = 0xff },
		                       .prefix = 96,
		                       .v4 = true };
	static const struct net v6 = { .prefix = 0 };
	return !m->has_places || (net_is_covered(m, &v4) && net_is_covered(m, &v6));
}

static bool covers_places(const struct policy_match *outer, const struct policy_match *inner)
{
	if (covers_everywhere(outer))
		return true;
	if (!inner->has_places)
		return false;
	for (size_t i = 0; i < inner->net_count; i++)
		if (!net_is_covered(outer, &inner->nets[i]))
			return false;
	for (size_t i = 0; i < inner->hosts.count; i++)
		if (!host_is_covered(outer, inner->hosts.list[i]))
			return false;
	return true;
}

/* The first port at or above `port` that no range of outer holds. */
static unsigned first_uncovered(const struct policy_match *outer, unsigned port)
{
	for (bool moved = true; moved;) {
		moved = false;
		for (size_t i = 0; i < outer->port_count; i++)
			if (port >= outer->ports[i].low && port <= outer->ports[i].high) {
				port = outer->ports[i].high + 1u;
				moved = true;
			}
	}
	return port;
}

static bool covers_ports(const struct policy_match *outer, const struct policy_match *inner)
{
	if (!outer->has_ports)
		return true;
	if (!inner->has_ports)
		return first_uncovered(outer, 1) > 65535;
	for (size_t i = 0; i < inner->port_count; i++)
		if (first_uncovered(outer, inner->ports[i].low) <= inner->ports[i].high)
			return false;
	return true;
}

static bool covers_users(const struct policy_match *outer, const struct policy_match *inner)
{
	if (!outer->has_users)
		return true;
	if (!inner->has_users)
		return false;
	for (size_t i = 0; i < inner->user_count; i++) {
		size_t j = 0;
		while (j < outer->user_count && outer->users[j] != inner->users[i])
			j++;
		if (j == outer->user_count)
			return false;
	}
	return true;
}

static bool covers_texts(bool outer_has, struct texts outer, bool inner_has, struct texts inner,
                         char separator)
{
	if (!outer_has)
		return true;
	if (!inner_has)
		return false;
	for (size_t i = 0; i < inner.count; i++) {
		bool covered = false;
		for (size_t j = 0; j < outer.count && !covered; j++)
			covered = !strcmp(outer.list[j], inner.list[i]) ||
			          !strcmp(outer.list[j], "**") ||
			          (glob_is_literal(inner.list[i]) &&
			           glob_match(outer.list[j], inner.list[i], separator));
		if (!covered)
			return false;
	}
	return true;
}

/* All but the places. */
static bool covers_rest(const struct policy_match *outer, const struct policy_match *inner)
{
	return covers_ports(outer, inner) && covers_users(outer, inner) &&
	       covers_texts(outer->has_programs, outer->programs, inner->has_programs,
	                    inner->programs, '/') &&
	       covers_texts(outer->has_arguments, outer->arguments, inner->has_arguments,
	                    inner->arguments, '\0') &&
	       covers_texts(outer->has_services, outer->services, inner->has_services,
	                    inner->services, '\0');
}

/* ---- what is worth a warning -------------------------------------------------------------- */

static void review_reach(const struct policy *p, const struct policy_rule *rule,
                         struct policy_findings *f)
{
	for (const struct policy_rule *earlier = p->rules; earlier < rule; earlier++)
		if (earlier->side == rule->side && covers_places(earlier->match, rule->match) &&
		    covers_rest(earlier->match, rule->match)) {
			policy_find(
				f, POLICY_WARNING, rule->file, rule->line,
				"rule \"%s\" can never win: \"%s\" of line %d takes all of it; "
				"move it up, or narrow the other",
				rule->name, earlier->name, earlier->line);
			return;
		}
}

/* A program that uses the bare address walks past a rule that knows only the name. */
static void review_names(const struct policy *p, const struct policy_rule *rule,
                         struct policy_findings *f)
{
	const struct policy_match *m = rule->match;
	bool guards = rule->mode == POLICY_STRICT || rule->mode == POLICY_DENY;
	if (!guards || rule->side != POLICY_CONNECT || !m->has_places || m->net_count > 0)
		return;
	for (const struct policy_rule *later = rule + 1; later < p->rules + p->rule_count; later++)
		if (later->side == POLICY_CONNECT && later->mode != POLICY_PLAINTEXT &&
		    (!later->match->has_places || later->match->net_count > 0) &&
		    covers_rest(later->match, m))
			return;
	if (p->unmatched == POLICY_PLAINTEXT)
		policy_find(
			f, POLICY_WARNING, rule->file, rule->line,
			"rule \"%s\" names hosts only: a program that uses the bare address "
			"escapes it; put a rule with addresses, or one that denies, behind it",
			rule->name);
}

static void review_unsafe(const struct policy *p, struct policy_findings *f)
{
	for (size_t i = 0; i < p->identity_count; i++)
		if (p->identities[i].unsafe_line)
			policy_find(
				f, POLICY_WARNING, p->identities[i].file,
				p->identities[i].unsafe_line,
				"unsafe_key_permissions: others may have the key of identity "
				"\"%s\"",
				p->identities[i].name);
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].unsafe_line)
			policy_find(
				f, POLICY_WARNING, p->rules[i].file, p->rules[i].unsafe_line,
				"unsafe_skip_verification: anyone may be the peer of rule \"%s\"",
				p->rules[i].name);
}

/* Is there a rule that leaves no outgoing connection to `unmatched`? */
static void review_end(const struct policy *p, struct policy_findings *f)
{
	static const struct policy_match everything = { 0 };
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].side == POLICY_CONNECT && covers_everywhere(p->rules[i].match) &&
		    covers_rest(p->rules[i].match, &everything))
			return;
	if (p->unmatched == POLICY_PLAINTEXT)
		policy_find(
			f, POLICY_WARNING, p->path, p->unmatched_line,
			"what no rule names leaves in plaintext; end the rules in "
			"{ name = \"nothing else leaves\"; on = \"connect\"; mode = \"deny\"; }");
}

static void review_identities(const struct policy *p, struct policy_findings *f)
{
	for (size_t i = 0; i < p->identity_count; i++) {
		size_t r = 0;
		while (r < p->rule_count && p->rules[r].identity != &p->identities[i])
			r++;
		if (r == p->rule_count)
			policy_find(f, POLICY_WARNING, p->identities[i].file, p->identities[i].line,
			            "no rule uses identity \"%s\"", p->identities[i].name);
	}
}

void policy_review(const struct policy *p, struct policy_findings *findings)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		review_reach(p, &p->rules[i], findings);
		review_names(p, &p->rules[i], findings);
	}
	review_unsafe(p, findings);
	review_identities(p, findings);
	review_end(p, findings);
}
