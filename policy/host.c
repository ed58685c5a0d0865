/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host names and their patterns. */
#include "policy/match.h"

#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 63, NAME_MAX_LENGTH = 253 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_label_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
	       c == '_';
}

bool host_looks_like_address(const char *text)
{
	if (strchr(text, ':'))
		return true;
	/* RFC 3696 section 2: no top-level domain is all digits; inet_aton also takes 0x7f.1. */
	size_t length = strlen(text);
	if (length > 0 && text[length - 1] == '.')
		length--;
	size_t last = length;
	while (last > 0 && text[last - 1] != '.')
		last--;
	if (length - last > 2 && text[last] == '0' && (text[last + 1] | 0x20) == 'x')
		return strspn(text + last + 2, "0123456789abcdefABCDEF") >= length - last - 2;
	return length > last && strspn(text + last, "0123456789") >= length - last;
}

/* Where the labels begin that stand for themselves. */
static const char *skip_wildcard(const char *text)
{
	if (!strncmp(text, "**.", 3))
		return text + 3;
	return !strncmp(text, "*.", 2) ? text + 2 : text;
}

static bool labels_good(const char *text)
{
	size_t length = strlen(text);
	if (length > 0 && text[length - 1] == '.')
		length--;
	if (length == 0 || length > NAME_MAX_LENGTH)
		return false;
	for (size_t i = 0, label = 0; i <= length; i++) {
		if (i < length && text[i] != '.') {
			if (!is_label_byte(text[i]) || ++label > LABEL_MAX)
				return false;
		} else {
			if (label == 0)
				return false;
			label = 0;
		}
	}
	return true;
}

bool host_check(const char *text, bool wildcard, char *why, size_t size)
{
	const char *rest = wildcard ? skip_wildcard(text) : text;
	bool foreign = false;
	for (const char *c = text; *c; c++)
		foreign = foreign || (unsigned char)*c >= 0x80;
	if (foreign)
		snprintf(why, size, "\"%s\": write the name as DNS does, as \"xn--...\"", text);
	else if (strchr(rest, '*'))
		snprintf(
			why, size,
			wildcard
				? "\"%s\": `*` may only be the whole first label, as in "
				  "\"*.example.com\" (one label) or \"**.example.com\" (any number)"
				: "\"%s\" must be one name, without `*`",
			text);
	else if (!labels_good(rest))
		snprintf(why, size, "\"%s\" is neither an address nor a host name", text);
	else if (host_looks_like_address(rest))
		snprintf(why, size, "\"%s\" looks like an address, but is none; write all of it",
		         text);
	else
		return true;
	return false;
}

static size_t trimmed(const char *name)
{
	size_t length = strlen(name);
	return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

bool host_match(const char *pattern, const char *name)
{
	size_t pattern_length = trimmed(pattern), length = trimmed(name);
	const char *rest = skip_wildcard(pattern);
	if (rest == pattern)
		return pattern_length == length && !strncasecmp(pattern, name, length);

	/* From here on `rest` must stand behind a dot, and a label before that. */
	size_t tail = pattern_length - (size_t)(rest - pattern);
	if (length < tail + 2 || name[length - tail - 1] != '.')
		return false;
	if (strncasecmp(name + length - tail, rest, tail) != 0)
		return false;
	size_t head = length - tail - 1;
	if (pattern[1] == '*')
		return name[0] != '.';
	return !memchr(name, '.', head);
}
