/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One pass over the characters of a policy: comments, strings, brackets, @include. */
#include "policy/scan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool scan_error(struct scan *s, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	policy_find(s->findings, POLICY_ERROR, s->file, s->line, "%s", text);
	return false;
}

/* ---- what goes out ----------------------------------------------------------------------- */

static bool write_byte(struct scan *s, char c)
{
	struct source *out = s->source;
	if (out->length + 2 > out->room) {
		size_t room = out->room ? 2 * out->room : 4096;
		char *text = realloc(out->text, room);
		if (!text)
			return scan_error(s, "out of memory");
		out->text = text;
		out->room = room;
	}
	out->text[out->length++] = c;
	out->text[out->length] = '\0';
	return true;
}

/* The next line of the text is this one of that file. */
static bool map_line(struct scan *s, int line)
{
	struct source *out = s->source;
	if (out->line_count == out->line_room) {
		size_t room = out->line_room ? 2 * out->line_room : 256;
		struct source_line *lines = realloc(out->lines, room * sizeof(*lines));
		if (!lines)
			return scan_error(s, "out of memory");
		out->lines = lines;
		out->line_room = room;
	}
	out->lines[out->line_count++] = (struct source_line){ s->file, line };
	return true;
}

static bool release_lines(struct scan *s)
{
	s->after_string = false;
	for (; s->held > 0; s->held--)
		if (!write_byte(s, '\n') || !map_line(s, s->line - s->held + 1))
			return false;
	return true;
}

/*
 * libconfig gives a string in a list the line of the token behind it.  So a bracket, comma or
 * semicolon behind a string goes out before the line ends between the two.  And before 1.7 it
 * takes no comma at the end of a list, so a comma waits until it is known what follows.
 */
static bool scan_put(struct scan *s, char c)
{
	if (s->comma && c != ')' && !write_byte(s, ','))
		return false;
	s->comma = c == ',';
	if (c == ',') {
		s->last = c;
		return true;
	}
	if (!(s->after_string && strchr(";)", c)) && !release_lines(s))
		return false;
	s->after_string = false;
	s->last = c;
	return write_byte(s, c);
}

/* ---- what comes in ----------------------------------------------------------------------- */

static char peek(const struct scan *s, size_t ahead)
{
	return (size_t)(s->end - s->at) > ahead ? s->at[ahead] : '\0';
}

static void next_line(struct scan *s)
{
	s->at++;
	s->line++;
	s->held++;
	s->line_start = true;
}

static bool scan_comment(struct scan *s)
{
	if (s->at[0] == '#' || s->at[1] == '/') {
		while (s->at < s->end && *s->at != '\n')
			s->at++;
		return true;
	}
	int begun = s->line;
	for (s->at += 2; s->at < s->end; ) {
		if (s->at[0] == '*' && peek(s, 1) == '/') {
			s->at += 2;
			s->last = ' ';
			return s->held > 0 || s->after_string || write_byte(s, ' ');
		}
		if (*s->at == '\n')
			next_line(s);
		else
			s->at++;
	}
	s->line = begun;
	return scan_error(s, "this comment never ends; close it with */");
}

static bool scan_string(struct scan *s)
{
	if (!scan_put(s, *s->at++))
		return false;
	for (; s->at < s->end && *s->at != '\n'; s->at++) {
		if (*s->at == '\\' && s->at + 1 < s->end && s->at[1] != '\n') {
			if (!strncasecmp(s->at, "\\x00", 4))
				return scan_error(s, "\\x00 cannot be part of a string");
			if (!write_byte(s, *s->at++))
				return false;
		} else if (*s->at == '"') {
			s->at++;
			if (!scan_put(s, '"'))
				return false;
			s->after_string = true;
			return true;
		}
		if (!write_byte(s, *s->at))
			return false;
	}
	return scan_error(s, "this string is not closed on its line; a quote (\") is missing");
}

static bool scan_open(struct scan *s)
{
	if (s->nesting == SCAN_NESTING_MAX)
		return scan_error(s, "brackets are nested more than %d deep", SCAN_NESTING_MAX);
	char c = *s->at++;
	s->brackets[s->nesting++] = (struct scan_bracket){ c, s->file, s->line };
	return scan_put(s, c == '{' ? '{' : '(');
}

static bool scan_close(struct scan *s)
{
	char c = *s->at++;
	char open = c == '}' ? '{' : c == ')' ? '(' : '[';
	if (s->nesting == 0)
		return scan_error(s, "'%c' closes nothing; remove it or open a '%c' before it", c,
		                  open);
	struct scan_bracket last = s->brackets[--s->nesting];
	if (last.open != open)
		return scan_error(s, "'%c' cannot close the '%c' of line %d; close that one first",
		                  c, last.open, last.line);
	return scan_put(s, c == '}' ? '}' : ')');
}

/* libconfig would cut a larger number to 32 bits and say nothing. */
static bool scan_number(struct scan *s)
{
	bool hex = s->at[0] == '0' && (peek(s, 1) | 0x20) == 'x';
	size_t prefix = hex ? 2 : 0, digits = 0;
	const char *all = hex ? "0123456789abcdefABCDEF" : "0123456789";
	while (peek(s, prefix) == '0')
		prefix++;
	while (peek(s, prefix + digits) && strchr(all, peek(s, prefix + digits)))
		digits++;
	if (digits > (hex ? 7 : 9))
		return scan_error(s, "the number %.*s is too large", (int)(prefix + digits), s->at);
	for (size_t i = 0; i < prefix + digits; i++)
		if (!scan_put(s, *s->at++))
			return false;
	/* What stands behind the point may be as long as it likes. */
	while (!hex && s->at < s->end && strchr(".0123456789", *s->at))
		if (!scan_put(s, *s->at++))
			return false;
	return true;
}

/* @include "file": the text goes on with that file, then with this one. */
static bool scan_include(struct scan *s)
{
	const char *name = s->at + strlen("@include");
	while (name < s->end && (*name == ' ' || *name == '\t'))
		name++;
	const char *close = NULL;
	if (name < s->end && *name == '"')
		for (close = ++name; close < s->end && *close != '"' && *close != '\n';)
			close++;
	if (!close || close == s->end || *close != '"' || close == name)
		return scan_error(s,
		                  "@include wants a file name in quotes: @include \"more.conf\"");
	if (s->includes == SCAN_INCLUDES_MAX || s->source->file_count == SOURCE_FILES_MAX)
		return scan_error(s,
		                  "too many files include one another; does one include itself?");
	if (!release_lines(s))
		return false;

	struct scan outer = *s;
	char *copy = storage_text(s->storage, name, (size_t)(close - name));
	const char *path = copy ? source_join(s->storage, s->root, copy) : NULL;
	if (!path)
		return scan_error(s, "out of memory");
	s->includes++;
	if (!scan_file(s, copy, path))
		return false;
	s->includes--;
	s->file = outer.file;
	s->line = outer.line;
	s->at = close + 1;
	s->end = outer.end;
	s->line_start = false;
	return write_byte(s, '\n') && map_line(s, s->line);
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '*' || c == '.';
}

static bool scan_token(struct scan *s)
{
	char c = *s->at;
	bool line_start = s->line_start;
	if (c != ' ' && c != '\t')
		s->line_start = false;
	if (c == '\0')
		return scan_error(s, "a NUL character; this is not a text file");
	if (c == '#' || (c == '/' && (peek(s, 1) == '/' || peek(s, 1) == '*')))
		return scan_comment(s);
	if (c == '"')
		return scan_string(s);
	if (strchr("([{", c))
		return scan_open(s);
	if (strchr(")]}", c))
		return scan_close(s);
	if (c >= '0' && c <= '9' && !is_name(s->last))
		return scan_number(s);
	if (c == '@' && line_start && (size_t)(s->end - s->at) > 8 &&
	    !strncmp(s->at, "@include", 8))
		return scan_include(s);
	s->at++;
	if (c == ' ' || c == '\t' || c == '\r') {
		s->last = c;
		return s->held > 0 || write_byte(s, ' ');
	}
	return scan_put(s, c);
}

bool scan_text(struct scan *s, const char *file, const char *text, size_t length)
{
	s->file = file;
	s->line = 1;
	s->at = text;
	s->end = text + length;
	s->line_start = true;
	s->last = '\0';
	/* An included file begins a line of its own. */
	if (s->source->line_count > 0 && !write_byte(s, '\n'))
		return false;
	if (!map_line(s, 1))
		return false;
	while (s->at < s->end) {
		if (*s->at == '\n') {
			next_line(s);
			s->last = '\0';
		} else if (!scan_token(s)) {
			return false;
		}
	}
	return release_lines(s);
}

bool scan_end(struct scan *s)
{
	if (s->nesting > 0) {
		struct scan_bracket open = s->brackets[s->nesting - 1];
		s->file = open.file;
		s->line = open.line;
		return scan_error(s, "this '%c' is never closed", open.open);
	}
	return scan_put(s, ' ');
}
