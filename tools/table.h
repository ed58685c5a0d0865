/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections as a table for people. */
#ifndef SLEEVE_TOOLS_TABLE_H
#define SLEEVE_TOOLS_TABLE_H

#include "tools/field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Prints the rows under a heading.  Where they do not fit into `width` columns of the terminal (0:
 * no limit), the less important columns go and the long texts are cut, marked "~".  At most
 * `height` lines (0: no limit); the last one then says how many are missing.  False when
 * memory is out.
 */
bool table_print(FILE *out, const struct row *rows, size_t count, size_t width, size_t height);

/* "512", "1.2k", "34M": at most four characters. */
char *table_amount(char *text, size_t size, uint64_t number);

#endif
