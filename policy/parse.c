/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the text of a policy to a snapshot: the only file that knows libconfig. */
#include "policy/keys.h"
#include "policy/source.h"

#include <libconfig.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * A value is a setting of libconfig.  keys_*.c see it through the value_* functions below, which
 * report what does not fit at the line of that very setting.
 */
static const config_setting_t *setting_of(const struct value *v)
{
	return (const config_setting_t *)v;
}

static const struct value *value_of(const config_setting_t *s)
{
	return (const struct value *)s;
}

static void report(struct load *l, const struct value *v, enum policy_severity severity,
                   const char *format, va_list arguments)
{
	char text[1024];
	vsnprintf(text, sizeof(text), format, arguments);
	struct source_line where = value_where(l, v);
	policy_find(l->findings, severity, where.file, where.line, "%s", text);
}

bool value_error(struct load *l, const struct value *v, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	report(l, v, POLICY_ERROR, format, arguments);
	va_end(arguments);
	return false;
}

void value_warning(struct load *l, const struct value *v, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	report(l, v, POLICY_WARNING, format, arguments);
	va_end(arguments);
}

struct source_line value_where(const struct load *l, const struct value *v)
{
	const config_setting_t *s = setting_of(v);
	return source_where(&l->source, s ? config_setting_source_line(s) : 1);
}

const char *value_name(const struct value *v)
{
	/* What stands in a list has the name of the list. */
	const config_setting_t *s = setting_of(v);
	while (s && !config_setting_name(s))
		s = config_setting_parent(s);
	return s ? config_setting_name(s) : "policy";
}

size_t value_count(const struct value *v)
{
	return (size_t)config_setting_length(setting_of(v));
}

const struct value *value_at(const struct value *v, size_t i)
{
	return value_of(config_setting_get_elem(setting_of(v), (unsigned)i));
}

const struct value *value_member(const struct value *group, const char *name)
{
	return value_of(config_setting_get_member(setting_of(group), name));
}

static const char *type_name(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return "a group in { }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
	case CONFIG_TYPE_FLOAT:
		return "a number";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	default:
		return "a list";
	}
}

static bool wrong_type(struct load *l, const struct value *v, const char *wanted)
{
	return value_error(l, v, "%s must be %s, not %s", value_name(v), wanted,
	                   type_name(setting_of(v)));
}

bool value_is_group(struct load *l, const struct value *v)
{
	return config_setting_is_group(setting_of(v)) || wrong_type(l, v, "a group in { }");
}

bool value_is_list(struct load *l, const struct value *v)
{
	if (!config_setting_is_list(setting_of(v)))
		return wrong_type(l, v, "a list in ( ) or [ ]");
	return true;
}

bool value_is_text(const struct value *v)
{
	return config_setting_type(setting_of(v)) == CONFIG_TYPE_STRING;
}

bool value_bool(struct load *l, const struct value *v, bool *result)
{
	if (config_setting_type(setting_of(v)) != CONFIG_TYPE_BOOL)
		return wrong_type(l, v, "true or false");
	*result = config_setting_get_bool(setting_of(v));
	return true;
}

bool value_number(struct load *l, const struct value *v, double *result)
{
	const config_setting_t *s = setting_of(v);
	if (!config_setting_is_number(s))
		return wrong_type(l, v, "a number");
	if (config_setting_type(s) == CONFIG_TYPE_FLOAT)
		*result = config_setting_get_float(s);
	else
		*result = (double)config_setting_get_int64(s);
	return true;
}

const char *value_text(struct load *l, const struct value *v)
{
	if (!value_is_text(v)) {
		wrong_type(l, v, "a string in quotes");
		return NULL;
	}
	const char *text = config_setting_get_string(setting_of(v));
	if (!text || !*text) {
		value_error(l, v, "%s must not be empty", value_name(v));
		return NULL;
	}
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			value_error(l, v, "%s holds a control character", value_name(v));
			return NULL;
		}
	const char *copy = storage_text(l->storage, text, strlen(text));
	if (!copy)
		l->out_of_memory = true;
	return copy;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void report_syntax(struct load *l, const config_t *config)
{
	int line = config_error_line(config);
	struct source_line where = source_where(&l->source, line > 0 ? (unsigned)line : 1);
	const char *text = config_error_text(config);
	const char *advice = "";
	if (text && !strcmp(text, "syntax error"))
		advice = "; look here and on the line before for a missing or stray = , ; or quote";
	else if (text && !strcmp(text, "duplicate setting name"))
		advice = "; each key may stand once in a group";
	policy_find(l->findings, POLICY_ERROR, where.file, where.line, "%s%s",
	            text ? text : "syntax error", advice);
}

/*
 * The scanner inside libconfig ends the process when memory is out, unless this is there instead
 * (tools/build/libconfig).  What it had taken until then is lost, which is the smaller evil.
 */
static _Thread_local jmp_buf *way_out;

void libconfig_fatal(const char *message) __attribute__((noreturn));
void libconfig_fatal(const char *message)
{
	(void)message;
	longjmp(*way_out, 1);
}

/* Everything that must not live in registers across longjmp is reached through pointers. */
static void parse_text(struct load *l, config_t *config)
{
	config_init(config);
	if (config_read_string(config, l->source.text))
		keys_read(l, value_of(config_root_setting(config)));
	else
		report_syntax(l, config);
	config_destroy(config);
}

static void parse(struct load *l)
{
	/* libconfig leaves the thread with the global locale, not with the one that was there. */
	locale_t locale = uselocale((locale_t)0);
	config_t config;
	jmp_buf here;
	way_out = &here;
	if (setjmp(here) == 0)
		parse_text(l, &config);
	else
		l->out_of_memory = true;
	uselocale(locale);
}

struct policy *policy_load(const char *path, int dirfd, struct policy_findings *findings)
{
	size_t errors = findings->errors;
	struct load l = { .findings = findings, .dirfd = dirfd, .storage = storage_new() };
	if (l.storage)
		l.policy = storage_get(l.storage, sizeof(*l.policy));
	if (l.policy)
		l.path = storage_text(l.storage, path, strlen(path));
	l.out_of_memory = !l.path;
	if (!l.out_of_memory && source_read(&l.source, l.path, dirfd, l.storage, findings))
		parse(&l);
	if (l.out_of_memory)
		policy_find(findings, POLICY_ERROR, path, 0, "out of memory");
	if (findings->errors > errors) {
		storage_free(l.storage);
		l.policy = NULL;
	} else {
		l.policy->path = l.path;
		l.policy->files = l.source.files;
		l.policy->file_count = l.source.file_count;
		l.policy->storage = l.storage;
	}
	source_clear(&l.source);
	free(l.passwd);
	return l.policy;
}

void policy_free(struct policy *p)
{
	if (p)
		storage_free(p->storage);
}
