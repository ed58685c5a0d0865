/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small heap inside one stretch of pages. */
#include "shim/base/region.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

/*
 * Blocks lie back to back from `first` to `top`; each knows its size and its predecessor's, so
 * merging needs no search.  Above `top` nothing was handed out; `touched` is the highest `top`
 * since the pages were last given back.
 */
struct block {
	uint32_t size, before; /* with this header, multiples of 16; 0: no predecessor */
	uint32_t used;
	uint32_t unused_padding;
};

struct region {
	uint32_t size, top, touched, last; /* offsets; last: the block below top, 0 if none */
};

/* LOW leaves room for a region that does not begin on a page boundary. */
enum { HEAD = sizeof(struct block), FIRST = 16, PAGE = 4096, LOW = 2 * PAGE - 592, SMALL = 320 };

_Static_assert(sizeof(struct block) == 16 && sizeof(struct region) == 16, "alignment of results");

static struct block *at(const struct region *r, uint32_t offset)
{
	return (struct block *)((uint8_t *)r + offset);
}

static uint32_t offset_of(const struct region *r, const void *p)
{
	return (uint32_t)((const uint8_t *)p - (const uint8_t *)r);
}

struct region *region_init(void *base, size_t size)
{
	struct region *r = base;
	*r = (struct region){.size = (uint32_t)size, .top = FIRST, .touched = FIRST};
	return r;
}

size_t region_size(const void *p)
{
	return ((const struct block *)p - 1)->size - HEAD;
}

bool region_owns(const struct region *r, const void *p)
{
	const uint8_t *byte = p;
	return byte > (const uint8_t *)r && byte < (const uint8_t *)r + r->size;
}

/* Cuts `need` bytes off a free block when what is left is worth a block. */
static void split(struct region *r, uint32_t offset, uint32_t need)
{
	struct block *b = at(r, offset);
	uint32_t rest = b->size - need;
	if (rest < HEAD + 16)
		return;
	b->size = need;
	struct block *tail = at(r, offset + need);
	*tail = (struct block){.size = rest, .before = need};
	if (r->last == offset)
		r->last = offset + need;
	else
		at(r, offset + need + rest)->before = rest;
}

static struct block *append(struct region *r, uint32_t size, uint32_t used)
{
	struct block *b = at(r, r->top);
	*b = (struct block){.size = size, .used = used};
	if (r->last)
		b->before = at(r, r->last)->size;
	r->last = r->top;
	r->top += size;
	if (r->top > r->touched)
		r->touched = r->top;
	return b;
}

static void *allocate(struct region *r, size_t size, uint32_t lowest)
{
	if (size > r->size)
		return NULL;
	uint32_t need = HEAD + (((uint32_t)size + 15) & ~15u);
	for (uint32_t o = FIRST; o < r->top; o += at(r, o)->size) {
		struct block *b = at(r, o);
		if (b->used)
			continue;
		if (o < lowest && o + b->size >= lowest + need)
			split(r, o, lowest - o); /* its upper part is looked at next */
		if (o < lowest || b->size < need)
			continue;
		split(r, o, need);
		b->used = 1;
		return b + 1;
	}
	uint32_t from = r->top > lowest ? r->top : lowest;
	if (from > r->size || need > r->size - from)
		return NULL;
	if (r->top + HEAD <= lowest)
		append(r, lowest - r->top, 0);
	return append(r, need, 1) + 1;
}

void *region_alloc(struct region *r, size_t size)
{
	void *p = allocate(r, size, size <= SMALL ? FIRST : LOW);
	return p || size <= SMALL ? p : allocate(r, size, FIRST);
}

void *region_alloc_lasting(struct region *r, size_t size)
{
	return allocate(r, size, FIRST);
}

/* A free block at the end is not a block: the top comes down over it. */
void region_free(struct region *r, void *p)
{
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	explicit_bzero(p, b->size - HEAD);
	b->used = 0;
	uint32_t o = offset_of(r, b);
	if (o != r->last && !at(r, o + b->size)->used) {
		struct block *next = at(r, o + b->size);
		if (r->last == o + b->size)
			r->last = o;
		b->size += next->size;
	}
	if (b->before && !at(r, o - b->before)->used) {
		o -= b->before;
		struct block *previous = at(r, o);
		if (r->last == offset_of(r, b))
			r->last = o;
		previous->size += b->size;
		b = previous;
	}
	if (r->last == o) {
		r->top = o;
		r->last = b->before ? o - b->before : 0;
	} else {
		at(r, o + b->size)->before = b->size;
	}
}

void *region_resize(struct region *r, void *p, size_t size)
{
	if (!p)
		return region_alloc(r, size);
	size_t had = region_size(p);
	if (size <= had)
		return p;
	void *moved = region_alloc(r, size);
	if (moved) {
		memcpy(moved, p, had);
		region_free(r, p);
	}
	return moved;
}

void region_trim(struct region *r)
{
	uintptr_t keep = ((uintptr_t)r + r->top + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	uintptr_t end = ((uintptr_t)r + r->touched + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	int saved = errno; /* a program may have locked them (mlockall(2)): then they stay */
	if (end > keep)
		madvise((void *)keep, end - keep, MADV_REMOVE);
	errno = saved;
	r->touched = r->top;
}

/* Its pages may have been given back, by somebody who was killed before it could say so. */
void region_wipe(struct region *r)
{
	if (r->touched > FIRST)
		explicit_bzero((uint8_t *)r + FIRST, r->touched - FIRST);
}
