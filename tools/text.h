/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text from files, certificates and peers, made fit for a terminal or for JSON. */
#ifndef SLEEVE_TOOLS_TEXT_H
#define SLEEVE_TOOLS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What a terminal might obey or a reader might be fooled by is spelled out: control characters
 * (C0, DEL, C1) and bytes that are no UTF-8 as \xNN, marks that turn or hide text (U+200B..F,
 * U+2028..E, U+2060..F, U+FEFF) as \u{NNNN}, the backslash as two.  All else stays as it is.
 */

/* Into `out`, cut at a whole character where size is too small.  Returns out. */
char *text_escape(char *out, size_t size, const char *text);

/* How many characters; every one is taken to be one column wide. */
size_t text_width(const char *text);

/* Prints escaped text in exactly `width` columns, padded or cut with "~" as its last; width 0
 * prints it as it is. */
void text_column(FILE *out, const char *escaped, size_t width);

/* A JSON string with its quotes.  Bytes that are no UTF-8 become U+FFFD. */
void text_json(FILE *out, const char *text);

/* RFC 3339, UTC: "2026-03-31T12:00:00Z".  In a static buffer that the next call overwrites. */
const char *text_time(int64_t unix_seconds);

#endif
