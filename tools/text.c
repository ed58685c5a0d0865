/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text from files, certificates and peers, made fit for a terminal or for JSON. */
#include "tools/text.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

/*
 * The character at *text, which is moved behind it; -1 for one byte that is no part of UTF-8 as in
 * RFC 3629 (no overlong forms, no surrogates, nothing above U+10FFFF).
 */
static int next_character(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	int more = at[0] < 0x80                     ? 0
	           : at[0] >= 0xc2 && at[0] <= 0xdf ? 1
	           : (at[0] & 0xf0) == 0xe0         ? 2
	           : at[0] >= 0xf0 && at[0] <= 0xf4 ? 3
	                                            : -1;
	static const int least[] = {0, 0x80, 0x800, 0x10000};

	++*text;
	if (more <= 0)
		return more ? -1 : at[0];
	int character = at[0] & (0x3f >> more);
	for (int n = 1; n <= more; n++) {
		if ((at[n] & 0xc0) != 0x80)
			return -1;
		character = character << 6 | (at[n] & 0x3f);
	}
	if (character < least[more] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return -1;
	*text += more;
	return character;
}

static bool is_control(int character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

static bool is_deceptive(int character)
{
	return (character >= 0x200b && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2060 && character <= 0x206f) || character == 0x61c ||
	       character == 0xfeff;
}

char *text_escape(char *out, size_t size, const char *text)
{
	size_t used = 0;

	while (*text) {
		const char *start = text;
		int character = next_character(&text);
		char piece[16];
		if (character < 0)
			snprintf(piece, sizeof piece, "\\x%02x", (unsigned char)*start);
		else if (is_control(character))
			snprintf(piece, sizeof piece, "\\x%02x", (unsigned)character);
		else if (is_deceptive(character))
			snprintf(piece, sizeof piece, "\\u{%x}", (unsigned)character);
		else if (character == '\\')
			snprintf(piece, sizeof piece, "\\\\");
		else
			snprintf(piece, sizeof piece, "%.*s", (int)(text - start), start);
		size_t length = strlen(piece);
		if (used + length >= size)
			break;
		memcpy(out + used, piece, length);
		used += length;
	}
	if (size)
		out[used] = '\0';
	return out;
}

size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

void text_column(FILE *out, const char *escaped, size_t width)
{
	size_t has = text_width(escaped), keep = has > width && width ? width - 1 : has;

	for (size_t seen = 0; *escaped; escaped++) {
		seen += ((unsigned char)*escaped & 0xc0) != 0x80;
		if (seen > keep)
			break;
		putc(*escaped, out);
	}
	if (keep < has)
		putc('~', out);
	for (; has < width; has++)
		putc(' ', out);
}

void text_json(FILE *out, const char *text)
{
	putc('"', out);
	while (*text) {
		const char *start = text;
		int character = next_character(&text);
		if (character < 0)
			fputs("\\ufffd", out);
		else if (character == '"' || character == '\\')
			fprintf(out, "\\%c", (int)character);
		else if (is_control(character) || is_deceptive(character))
			fprintf(out, "\\u%04x", (unsigned)character);
		else
			fwrite(start, 1, (size_t)(text - start), out);
	}
	putc('"', out);
}

const char *text_time(int64_t unix_seconds)
{
	static char text[32];
	time_t when = (time_t)unix_seconds;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "?";
	return text;
}
