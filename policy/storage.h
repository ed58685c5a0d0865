/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory of one policy snapshot: taken piece by piece, released at once. */
#ifndef SLEEVE_POLICY_STORAGE_H
#define SLEEVE_POLICY_STORAGE_H

#include <stddef.h>

struct storage;

struct storage *storage_new(void);        /* NULL when memory is out */
void storage_free(struct storage *s);     /* accepts NULL */

/* Zeroed and aligned for any type; NULL when memory is out. */
void *storage_get(struct storage *s, size_t size);

/* A copy of `length` bytes with a NUL behind them; NULL when memory is out. */
char *storage_text(struct storage *s, const char *text, size_t length);

#endif
