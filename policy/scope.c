/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys that say which connections of which programs a rule is about. */
#include "policy/keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* An empty list could be read as everything or as nothing; so it is neither. */
static bool begin_list(struct load *l, const struct value *v)
{
	if (!value_is_list(l, v))
		return false;
	if (value_count(v) == 0)
		return value_error(l, v, "%s is empty; leave it out, or say what it stands for",
		                   value_name(v));
	return true;
}

static void *get(struct load *l, size_t size)
{
	void *got = storage_get(l->storage, size);
	if (!got)
		l->out_of_memory = true;
	return got;
}

struct texts scope_read_texts(struct load *l, const struct value *v, bool *has,
                              bool (*check)(struct load *, const struct value *, const char *))
{
	struct texts texts = { 0 };
	*has = true;
	if (!begin_list(l, v))
		return texts;
	const char **list = get(l, value_count(v) * sizeof(*list));
	if (!list)
		return texts;
	for (size_t i = 0; i < value_count(v); i++) {
		const struct value *one = value_at(v, i);
		const char *text = value_text(l, one);
		list[i] = text ? text : "";
		if (text && check)
			check(l, one, text);
	}
	texts.list = list;
	texts.count = value_count(v);
	return texts;
}

/* In lower case and without the last dot, so that "A.example." and "a.example" are one name. */
static const char *plain_host(struct load *l, const char *text)
{
	size_t length = strlen(text);
	if (text[length - 1] == '.')
		length--;
	char *copy = storage_text(l->storage, text, length);
	if (!copy)
		l->out_of_memory = true;
	for (size_t i = 0; copy && i < length; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] |= 0x20;
	return copy;
}

void scope_read_places(struct load *l, const struct value *v, struct policy_match *match)
{
	match->has_places = true;
	if (!begin_list(l, v))
		return;
	size_t count = value_count(v);
	match->nets = get(l, count * sizeof(*match->nets));
	const char **hosts = get(l, count * sizeof(*hosts));
	if (!match->nets || !hosts)
		return;
	match->hosts.list = hosts;
	for (size_t i = 0; i < count; i++) {
		const struct value *one = value_at(v, i);
		const char *text = value_text(l, one);
		if (!text)
			continue;
		char why[512];
		enum place_kind kind =
			place_read(text, &match->nets[match->net_count], why, sizeof(why));
		if (kind == PLACE_NET)
			match->net_count++;
		else if (kind == PLACE_BAD)
			value_error(l, one, "%s", why);
		else if ((hosts[match->hosts.count] = plain_host(l, text)))
			match->hosts.count++;
		if (kind == PLACE_HOST && !strcmp(value_name(v), "from"))
			value_warning(
				l, one,
				"\"%s\" matches only where the program itself looked that name "
				"up; name who may connect in peer, or write addresses",
				text);
	}
}

static bool read_port(const char *text, const char **end, long *port)
{
	char *stop;
	if (*text < '0' || *text > '9')
		return false;
	*port = strtol(text, &stop, 10);
	*end = stop;
	return *port >= 1 && *port <= 65535;
}

static bool read_port_text(struct load *l, const struct value *v, struct ports *ports)
{
	const char *text = value_text(l, v), *end = NULL;
	long low = 0, high = 0;
	if (!text)
		return false;
	bool good = read_port(text, &end, &low);
	high = low;
	if (good && *end == '-')
		good = read_port(end + 1, &end, &high);
	if (!good || *end)
		return value_error(
			l, v,
			"\"%s\" is not a range of ports; write 6379 or \"7000-7010\", from 1 "
			"to 65535",
			text);
	if (low > high)
		return value_error(l, v, "\"%s\" runs backwards; write \"%ld-%ld\"", text, high,
		                   low);
	*ports = (struct ports){ (uint16_t)low, (uint16_t)high };
	return true;
}

void scope_read_ports(struct load *l, const struct value *v, struct policy_match *match)
{
	match->has_ports = true;
	if (!begin_list(l, v))
		return;
	match->ports = get(l, value_count(v) * sizeof(*match->ports));
	for (size_t i = 0; match->ports && i < value_count(v); i++) {
		const struct value *one = value_at(v, i);
		struct ports *ports = &match->ports[match->port_count];
		double port = 0;
		if (value_is_text(one)) {
			if (read_port_text(l, one, ports))
				match->port_count++;
		} else if (value_number(l, one, &port)) {
			if (port >= 1 && port <= 65535 && port == (double)(long)port) {
				ports->low = ports->high = (uint16_t)port;
				match->port_count++;
			} else {
				value_error(l, one, "a port is a whole number from 1 to 65535");
			}
		}
	}
}

/* False where nobody has that name here: a policy may be shared by hosts with other users. */
static bool read_user_name(struct load *l, const struct value *v, uid_t *uid)
{
	const char *text = value_text(l, v);
	if (!text)
		return false;
	char *end;
	unsigned long id = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && id < (uid_t)-1) {
		*uid = (uid_t)id;
		return true;
	}
	if (!l->passwd_read)
		l->passwd = users_read(l->dirfd);
	l->passwd_read = true;
	if (!l->passwd)
		return value_error(
			l, v,
			"cannot read /etc/passwd to find user \"%s\"; write the number of "
			"the user",
			text);
	if (users_find(l->passwd, text, uid))
		return true;
	value_warning(l, v, "there is no user \"%s\" in /etc/passwd, so nobody is meant; a number "
	              "always works", text);
	return false;
}

void scope_read_users(struct load *l, const struct value *v, struct policy_match *match)
{
	match->has_users = true;
	if (!begin_list(l, v))
		return;
	match->users = get(l, value_count(v) * sizeof(*match->users));
	for (size_t i = 0; match->users && i < value_count(v); i++) {
		const struct value *one = value_at(v, i);
		double id = 0;
		if (value_is_text(one)) {
			if (read_user_name(l, one, &match->users[match->user_count]))
				match->user_count++;
		} else if (value_number(l, one, &id)) {
			if (id >= 0 && id < (uid_t)-1 && id == (double)(uid_t)id)
				match->users[match->user_count++] = (uid_t)id;
			else
				value_error(l, one, "a user is a name or a whole number from 0");
		}
	}
}
