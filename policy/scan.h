/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One pass over the characters of a policy: comments, strings, brackets, @include. */
#ifndef SLEEVE_POLICY_SCAN_H
#define SLEEVE_POLICY_SCAN_H

#include "policy/source.h"

enum { SCAN_NESTING_MAX = 16, SCAN_INCLUDES_MAX = 8 };

struct scan {
	struct source *source; /* where the text goes */
	struct storage *storage;
	struct policy_findings *findings;
	struct policy_source *files; /* SOURCE_FILES_MAX of them */
	int dirfd;
	const char *root; /* path of the policy, whose folder all includes are relative to */

	const char *file; /* being read now */
	int line;         /* of the next character; 0: the file as a whole */
	const char *at, *end;
	bool line_start;  /* nothing but blanks stood on this line yet */
	char last;        /* the last character that went out */
	unsigned includes;

	int held;         /* line ends not yet written, see scan_put() */
	bool after_string;
	bool comma;       /* one is not yet written, see there */

	struct scan_bracket { char open; const char *file; int line; } brackets[SCAN_NESTING_MAX];
	unsigned nesting;
};

/* An error at the place being read.  Always returns false. */
bool scan_error(struct scan *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads a file into the text (source.c), then its characters (scan.c), then the end of all. */
bool scan_file(struct scan *s, const char *name, const char *path);
bool scan_text(struct scan *s, const char *file, const char *text, size_t length);
bool scan_end(struct scan *s);

#endif
