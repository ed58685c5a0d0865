/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the tables of tests/unit/policy/: lines of "field | field | ... -> result". */
#include "tests/unit/policy_table.h"

#include "policy/match.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void table_open(struct table *t, const char *path)
{
	*t = (struct table){ .path = path, .file = fopen(path, "r") };
	cr_assert(t->file, "%s cannot be opened; run from the top folder", path);
}

void table_close(struct table *t)
{
	fclose(t->file);
}

static char *trim(char *text)
{
	text += strspn(text, " \t\n");
	size_t length = strlen(text);
	while (length && strchr(" \t\n", text[length - 1]))
		text[--length] = '\0';
	return text;
}

bool table_next(struct table *t)
{
	while (fgets(t->text, sizeof(t->text), t->file)) {
		t->line++;
		char *text = trim(t->text);
		if (!*text || *text == '#')
			continue;
		char *arrow = strstr(text, "->");
		cr_assert(arrow, "%s:%d: no -> in this line", t->path, t->line);
		*arrow = '\0';
		t->result = trim(arrow + 2);
		size_t n = 0;
		for (char *field = text; field && n < TABLE_FIELDS;) {
			char *bar = strstr(field, " | ");
			if (bar)
				*bar = '\0';
			t->fields[n++] = trim(field);
			field = bar ? bar + 3 : NULL;
		}
		t->fields[n] = NULL;
		return true;
	}
	return false;
}

const char *table_value(const char *field, const char *key)
{
	size_t length = strlen(key);
	return !strncmp(field, key, length) && field[length] == '=' ? field + length + 1 : NULL;
}

void table_place(const struct table *t, const char *text, unsigned char address[16],
                 unsigned short *port)
{
	char copy[128];
	snprintf(copy, sizeof(copy), "%s", text);
	char *colon = strrchr(copy, ':');
	cr_assert(colon, "%s:%d: %s has no port", t->path, t->line, text);
	*colon = '\0';
	*port = (unsigned short)atoi(colon + 1);
	char *host = copy;
	if (host[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	}
	cr_assert(place_address(host, address), "%s:%d: %s is no address", t->path, t->line, host);
}
