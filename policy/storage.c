/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory of one policy snapshot: taken piece by piece, released at once. */
#include "policy/storage.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	size_t size, used;
	alignas(max_align_t) unsigned char bytes[];
};

struct storage {
	struct chunk *chunks; /* newest first */
};

enum { CHUNK = 4096 };

struct storage *storage_new(void)
{
	return calloc(1, sizeof(struct storage));
}

void storage_free(struct storage *s)
{
	if (!s)
		return;
	for (struct chunk *c = s->chunks; c;) {
		struct chunk *next = c->next;
		free(c);
		c = next;
	}
	free(s);
}

void *storage_get(struct storage *s, size_t size)
{
	size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (aligned < size)
		return NULL;
	if (!s->chunks || s->chunks->size - s->chunks->used < aligned) {
		size_t room = aligned > CHUNK ? aligned : CHUNK;
		struct chunk *c = calloc(1, sizeof(*c) + room);
		if (!c)
			return NULL;
		c->size = room;
		c->next = s->chunks;
		s->chunks = c;
	}
	void *got = s->chunks->bytes + s->chunks->used;
	s->chunks->used += aligned;
	return got;
}

char *storage_text(struct storage *s, const char *text, size_t length)
{
	char *copy = storage_get(s, length + 1);
	if (copy)
		memcpy(copy, text, length);
	return copy;
}
