/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A place in a program's iovec (readv(2)), and what moves it on. */
#include "shim/session/vector.h"

#include "shim/tls/tls.h"

#include <string.h>

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t vector_size(struct vector v)
{
	size_t sum = 0;
	for (int i = 0; i < v.count; i++)
		sum += v.iov[i].iov_len;
	return sum - v.at;
}

void vector_skip(struct vector *v, size_t size)
{
	v->at += size;
	while (v->count && v->at >= v->iov->iov_len) {
		v->at -= v->iov->iov_len;
		v->iov++;
		v->count--;
	}
}

void vector_fill(struct vector v, const uint8_t *from, size_t size)
{
	while (size) {
		size_t part = smaller(v.iov->iov_len - v.at, size);
		if (part)
			memcpy((uint8_t *)v.iov->iov_base + v.at, from, part);
		from += part;
		size -= part;
		vector_skip(&v, part);
	}
}

const uint8_t *vector_next(struct vector *v, size_t want, uint8_t *record, size_t *size)
{
	vector_skip(v, 0);
	const uint8_t *here = (const uint8_t *)v->iov->iov_base + v->at;
	size_t together = smaller(v->iov->iov_len - v->at, want);
	if (together < want && together < TLS_PLAIN) {
		want = smaller(want, TLS_PLAIN);
		for (*size = 0; *size < want;) {
			size_t part = smaller(v->iov->iov_len - v->at, want - *size);
			if (part)
				memcpy(record + *size, (uint8_t *)v->iov->iov_base + v->at, part);
			*size += part;
			vector_skip(v, part);
		}
		return record;
	}
	/* Whole records, so that only the last is short. */
	*size = together < want ? together - together % TLS_PLAIN : together;
	vector_skip(v, *size);
	return here;
}
