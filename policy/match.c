/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rule speaks about a connection, and why another does not. */
#include "policy/match.h"
#include "policy/glob.h"

#include <arpa/inet.h>
#include <string.h>

/* ---- one aspect of a rule at a time ------------------------------------------------------- */

static bool place_matches(const struct policy_match *m, const struct policy_flow *flow,
                          const char **name)
{
	*name = flow->name_count ? flow->names[0] : NULL;
	if (!m->has_places)
		return true;
	/* Names first: the one that matched is the one the certificate will have to prove. */
	for (size_t n = 0; n < flow->name_count; n++)
		for (size_t i = 0; i < m->hosts.count; i++)
			if (host_match(m->hosts.list[i], flow->names[n])) {
				*name = flow->names[n];
				return true;
			}
	for (size_t i = 0; i < m->net_count && !flow->no_address; i++)
		if (net_holds(&m->nets[i], flow->address))
			return true;
	return false;
}

static bool port_matches(const struct policy_match *m, uint16_t port)
{
	for (size_t i = 0; i < m->port_count; i++)
		if (port >= m->ports[i].low && port <= m->ports[i].high)
			return true;
	return !m->has_ports;
}

static bool user_matches(const struct policy_match *m, uid_t uid)
{
	for (size_t i = 0; i < m->user_count; i++)
		if (m->users[i] == uid)
			return true;
	return !m->has_users;
}

static bool text_matches(bool has, struct texts globs, const char *text, char separator)
{
	for (size_t i = 0; text && i < globs.count; i++)
		if (glob_match(globs.list[i], text, separator))
			return true;
	return !has;
}

static bool exe_matches(const struct policy_match *m, const struct policy_program *program)
{
	return text_matches(m->has_programs, m->programs, program->exe, '/');
}

static bool command_matches(const struct policy_match *m, const struct policy_program *program)
{
	return text_matches(m->has_arguments, m->arguments, program->command, '\0');
}

static bool service_matches(const struct policy_match *m, const struct policy_program *program)
{
	return text_matches(m->has_services, m->services, program->service, '\0');
}

/* ---- all of them -------------------------------------------------------------------------- */

bool policy_rule_concerns(const struct policy_rule *rule, const struct policy_program *program)
{
	const struct policy_match *m = rule->match;
	return exe_matches(m, program) && command_matches(m, program) &&
	       service_matches(m, program);
}

bool policy_concerns(const struct policy *p, const struct policy_program *program,
                     enum policy_side side, enum policy_mode mode)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct policy_rule *rule = &p->rules[i];
		if (rule->side == side && rule->mode == mode && policy_rule_concerns(rule, program))
			return true;
	}
	return false;
}

struct policy_verdict policy_decide(const struct policy *p, const struct policy_program *program,
                                    const struct policy_flow *flow)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct policy_rule *rule = &p->rules[i];
		const char *name;
		/* The cheapest question first; the patterns of the program last. */
		if (rule->side == flow->side && port_matches(rule->match, flow->port) &&
		    place_matches(rule->match, flow, &name) &&
		    user_matches(rule->match, program->uid) && policy_rule_concerns(rule, program))
			return (struct policy_verdict){ rule->mode, rule, name };
	}
	const char *name = flow->name_count ? flow->names[0] : NULL;
	return (struct policy_verdict){ p->unmatched, NULL, name };
}

/* ---- why not ------------------------------------------------------------------------------ */

static const char *why_not_place(const struct policy_rule *rule, const struct policy_flow *flow,
                                 char *buffer, size_t size)
{
	char address[INET6_ADDRSTRLEN];
	place_print(flow->address, address, sizeof(address));
	const char *key = rule->side == POLICY_CONNECT ? "to" : "from";
	if (flow->no_address)
		snprintf(buffer, size, "the name %s is not in `%s`, and the address is not known",
		         flow->name_count ? flow->names[0] : "(none)", key);
	else if (flow->name_count)
		snprintf(buffer, size, "neither %s nor the name %s is in `%s`", address,
		         flow->names[0], key);
	else if (rule->match->net_count == 0)
		snprintf(buffer, size, "`%s` names hosts only, and no name is known for %s", key,
		         address);
	else
		snprintf(buffer, size, "%s is not in `%s`", address, key);
	return buffer;
}

static const char *why_not_program(const struct policy_rule *rule,
                                   const struct policy_program *program, char *buffer, size_t size)
{
	const struct policy_match *m = rule->match;
	if (!exe_matches(m, program))
		snprintf(buffer, size, "the program %s is not in `programs`",
		         program->exe ? program->exe : "(unknown)");
	else if (!command_matches(m, program))
		snprintf(buffer, size, "the command line \"%s\" matches nothing in `arguments`",
		         program->command ? program->command : "");
	else if (program->service)
		snprintf(buffer, size, "the service \"%s\" is not in `services`", program->service);
	else
		snprintf(buffer, size,
		         "no service is set (SLEEVE_SERVICE), and the rule wants one");
	return buffer;
}

const char *policy_why_not(const struct policy_rule *rule, const struct policy_program *program,
                           const struct policy_flow *flow, char *buffer, size_t size)
{
	const char *name;
	if (rule->side != flow->side)
		snprintf(buffer, size, "the rule is on \"%s\", and this is on \"%s\"",
		         policy_side_name(rule->side), policy_side_name(flow->side));
	else if (!port_matches(rule->match, flow->port))
		snprintf(buffer, size, "port %u is not in `ports`", flow->port);
	else if (!place_matches(rule->match, flow, &name))
		return why_not_place(rule, flow, buffer, size);
	else if (!user_matches(rule->match, program->uid))
		snprintf(buffer, size, "user %lu is not in `users`", (unsigned long)program->uid);
	else if (!policy_rule_concerns(rule, program))
		return why_not_program(rule, program, buffer, size);
	else
		return NULL;
	return buffer;
}
