/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A place in a program's iovec (readv(2)), and what moves it on. */
#ifndef SLEEVE_SESSION_VECTOR_H
#define SLEEVE_SESSION_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The elements from the current one on; `at` bytes of the current one are done.  Borrowed: it
 * points into the program's memory, for the length of the call. */
struct vector {
	const struct iovec *iov;
	int count;
	size_t at;
};

/* Bytes from here to the end. */
size_t vector_size(struct vector v);

/* Passes over size bytes, or to the end. */
void vector_skip(struct vector *v, size_t size);

/* Copies size bytes from a flat buffer to here; there is room for them. */
void vector_fill(struct vector v, const uint8_t *from, size_t size);

/*
 * The next bytes in one piece, at most `want` (more than 0, and that many there are): where they
 * lie if a whole record or all of `want` lies together, else gathered in `record`, TLS_PLAIN
 * bytes.  Passes over them.
 */
const uint8_t *vector_next(struct vector *v, size_t want, uint8_t *record, size_t *size);

#endif
