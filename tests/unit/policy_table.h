/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the tables of tests/unit/policy/: lines of "field | field | ... -> result". */
#ifndef SLEEVE_TESTS_POLICY_TABLE_H
#define SLEEVE_TESTS_POLICY_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum { TABLE_FIELDS = 12 };

struct table {
	FILE *file;
	const char *path;
	int line;
	char text[2048];
	char *fields[TABLE_FIELDS + 1]; /* left of the arrow, without blanks around, then NULL */
	char *result;                   /* right of it */
};

void table_open(struct table *t, const char *path); /* ends the test when it cannot */
bool table_next(struct table *t);                   /* skips empty lines and # comments */
void table_close(struct table *t);

/* The rest of `field` behind "key=", or NULL. */
const char *table_value(const char *field, const char *key);

/* "10.1.2.3:6379", "[fd00::1]:443"; ends the test on anything else. */
void table_place(const struct table *t, const char *text, unsigned char address[16],
                 unsigned short *port);

#endif
