/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Globs: `*` within one segment, `**` across segments. */
#ifndef SLEEVE_POLICY_GLOB_H
#define SLEEVE_POLICY_GLOB_H

#include <stdbool.h>

enum { GLOB_MAX = 1000 }; /* longest pattern, in bytes */

/*
 * Does the whole text match the pattern?  `*` is any run of characters without `separator`; where
 * it stands for a whole segment, that segment is not empty.  `**` is any run of characters.  A
 * separator of '\0' means there are no segments.  All other characters stand for themselves.
 * The time is at most length of pattern times length of text, whatever they hold.  A pattern
 * longer than GLOB_MAX matches nothing.
 */
bool glob_match(const char *pattern, const char *text, char separator);

bool glob_is_literal(const char *pattern); /* holds no `*` */

#endif
