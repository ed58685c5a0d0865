/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory that a process family shares: session slots and their regions. */
#include "shim/base/arena.h"

#include "shim/base/region.h"
#include "shim/base/reserve.h"

#include <errno.h>
#include <sys/mman.h>

enum { EACH = 32, CHUNKS = ARENA_SLOTS / EACH, PAGE = 4096, LINE = 64 };

struct chunk {
	uint32_t taken; /* a bit a slot */
	uint32_t size;  /* of the mapping */
	uint8_t line[LINE - 2 * sizeof(uint32_t)];
	uint8_t slots[EACH][ARENA_SLOT];
};

/* The regions follow. */
enum { HEAD = (sizeof(struct chunk) + PAGE - 1) / PAGE * PAGE };

static struct chunk *chunks[CHUNKS]; /* no gaps */
static uint32_t hint;                /* the chunk in which to look first */

static struct chunk *chunk_at(uint32_t number)
{
	return __atomic_load_n(&chunks[number], __ATOMIC_ACQUIRE);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static struct chunk *make(uint32_t count)
{
	size_t size = HEAD + (size_t)count * ARENA_REGION;
	struct chunk *c = reserve(size, MAP_SHARED | MAP_ANONYMOUS, -1);
	if (!c)
		return NULL;
	madvise(c, size, MADV_DONTDUMP);
	c->taken = count < EACH ? ~0u << count : 0;
	c->size = (uint32_t)size;
	return c;
}

/*
 * Where address space is short (RLIMIT_AS, or RLIMIT_MEMLOCK in a program that locks all that is
 * to come), a smaller chunk may do: the rest of its slots are nobody's.
 */
static bool grow(void)
{
	uint32_t number = 0;
	struct chunk *fresh = NULL, *none = NULL;
	while (number < CHUNKS && chunk_at(number))
		number++;
	if (number == CHUNKS)
		return false;
	for (uint32_t count = EACH; !fresh && count; count /= 4)
		fresh = make(count);
	if (!fresh)
		return false;
	/* Another thread may have come first: then there is something to take as well. */
	if (!__atomic_compare_exchange_n(&chunks[number], &none, fresh, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		munmap(fresh, fresh->size);
	return true;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static int bit_take(uint32_t *word)
{
	uint32_t bits = __atomic_load_n(word, __ATOMIC_RELAXED);
	while (~bits) {
		int bit = __builtin_ctz(~bits);
		if (__atomic_compare_exchange_n(word, &bits, bits | 1u << bit, false,
		                                __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return bit;
	}
	return -1;
}

static bool take_between(uint32_t first, uint32_t end, uint32_t *index)
{
	for (struct chunk *c; first < end && (c = chunk_at(first)); first++) {
		int bit = bit_take(&c->taken);
		if (bit < 0)
			continue;
		*index = first * EACH + (uint32_t)bit;
		return true;
	}
	return false;
}

void *arena_slot(uint32_t index)
{
	return chunk_at(index / EACH)->slots[index % EACH];
}

void *arena_slot_find(uint32_t *index)
{
	uint32_t first = __atomic_load_n(&hint, __ATOMIC_RELAXED);
	if (!take_between(first, CHUNKS, index) && !take_between(0, first, index))
		return NULL;
	__atomic_store_n(&hint, *index / EACH, __ATOMIC_RELAXED);
	return arena_slot(*index);
}

void *arena_slot_take(uint32_t *index)
{
	int saved = errno;
	void *slot;
	do
		slot = arena_slot_find(index);
	while (!slot && grow());
	errno = saved;
	return slot;
}

void arena_each_taken(void (*visit)(uint32_t index))
{
	struct chunk *c;
	for (uint32_t number = 0; number < CHUNKS && (c = chunk_at(number)); number++) {
		uint32_t bits = __atomic_load_n(&c->taken, __ATOMIC_ACQUIRE);
		for (; bits; bits &= bits - 1)
			visit(number * EACH + (uint32_t)__builtin_ctz(bits));
	}
}

/* The hint goes down with what is given back, so that the low pages stay the busy ones. */
void arena_slot_give(uint32_t index)
{
	uint32_t number = index / EACH;
	__atomic_fetch_and(&chunk_at(number)->taken, ~(1u << index % EACH), __ATOMIC_ACQ_REL);
	if (number < __atomic_load_n(&hint, __ATOMIC_RELAXED))
		__atomic_store_n(&hint, number, __ATOMIC_RELAXED);
}

/* ---- regions --------------------------------------------------------------------------------- */

/*
 * Regions begin on different pages of their stretch and at different lines of that page.  Were
 * all aligned alike, the hot fields of all sessions would compete for the same few sets of the
 * processor's caches, which take a place in memory by its low bits.
 */
enum { COLOURS = 32 };

static uint8_t *stretch_of(uint32_t slot)
{
	return (uint8_t *)chunk_at(slot / EACH) + HEAD + (size_t)(slot % EACH) * ARENA_REGION;
}

static struct region *region_of(uint32_t slot)
{
	size_t shift = (size_t)slot % COLOURS * PAGE + (size_t)(slot / 2 % 8) * LINE;
	return (struct region *)(void *)(stretch_of(slot) + shift);
}

struct region *arena_region_take(uint32_t slot)
{
	return region_init(region_of(slot), ARENA_REGION / 4 * 3);
}

/*
 * Of what was there when the program locked its memory, pages cannot be given back; but the lock
 * was not meant for what nobody uses any more.
 */
void arena_region_give(uint32_t slot)
{
	int saved = errno;
	region_wipe(region_of(slot));
	if (madvise(stretch_of(slot), ARENA_REGION, MADV_REMOVE) < 0) {
		munlock(chunk_at(slot / EACH), chunk_at(slot / EACH)->size);
		madvise(stretch_of(slot), ARENA_REGION, MADV_REMOVE);
	}
	errno = saved;
}
