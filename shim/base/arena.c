/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory that a process family shares: session slots and regions. */
#include "shim/base/arena.h"

#include "shim/base/region.h"

#include <sys/mman.h>

enum { WORDS = ARENA_SLOTS / 64 };

struct bitmap {
	uint32_t hint, end; /* where to look first; one more than the highest ever taken */
	uint64_t words[WORDS];
};

struct arena {
	struct bitmap slots, regions;
};

/* The header is followed by the slots and, on the next region boundary, the regions. */
static struct arena *arena;
static uint8_t *slots, *regions;
static uint32_t region_count;

/*
 * 64 Ki regions are 32 GiB of address space, which a limited process (RLIMIT_AS, strict
 * overcommit) may not have: then fewer, down to a handful.
 */
bool arena_init(void)
{
	if (arena)
		return true;
	size_t head = sizeof *arena + (size_t)ARENA_SLOTS * ARENA_SLOT;
	for (region_count = ARENA_SLOTS; region_count >= 64; region_count /= 4) {
		size_t size = head + (size_t)(region_count + 1) * ARENA_REGION;
		uint8_t *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
		                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base == MAP_FAILED)
			continue;
		madvise(base, size, MADV_DONTDUMP);
		slots = base + sizeof *arena;
		uintptr_t first = ((uintptr_t)base + head + ARENA_REGION - 1);
		regions = (uint8_t *)(first & ~(uintptr_t)(ARENA_REGION - 1));
		arena = (struct arena *)base;
		return true;
	}
	return false;
}

static int64_t bit_take(struct bitmap *map, uint32_t count)
{
	uint32_t start = __atomic_load_n(&map->hint, __ATOMIC_RELAXED) / 64;
	for (uint32_t i = 0; i < count / 64; i++) {
		uint32_t word = (start + i) % (count / 64);
		uint64_t bits = __atomic_load_n(&map->words[word], __ATOMIC_RELAXED);
		while (~bits) {
			int bit = __builtin_ctzll(~bits);
			if (!__atomic_compare_exchange_n(&map->words[word], &bits,
			                                 bits | 1ULL << bit, false,
			                                 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				continue;
			uint32_t index = word * 64 + (uint32_t)bit;
			uint32_t end = __atomic_load_n(&map->end, __ATOMIC_RELAXED);
			while (index >= end &&
			       !__atomic_compare_exchange_n(&map->end, &end, index + 1, false,
			                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
				;
			__atomic_store_n(&map->hint, index, __ATOMIC_RELAXED);
			return index;
		}
	}
	return -1;
}

/* The hint goes down with what is given back, so that the low pages stay the busy ones. */
static void bit_give(struct bitmap *map, uint32_t index)
{
	__atomic_fetch_and(&map->words[index / 64], ~(1ULL << index % 64), __ATOMIC_ACQ_REL);
	if (index < __atomic_load_n(&map->hint, __ATOMIC_RELAXED))
		__atomic_store_n(&map->hint, index, __ATOMIC_RELAXED);
}

void *arena_slot(uint32_t index)
{
	return slots + (size_t)index * ARENA_SLOT;
}

void *arena_slot_take(uint32_t *index)
{
	int64_t bit = arena ? bit_take(&arena->slots, ARENA_SLOTS) : -1;
	if (bit < 0)
		return NULL;
	*index = (uint32_t)bit;
	return arena_slot(*index);
}

void arena_slot_give(uint32_t index)
{
	bit_give(&arena->slots, index);
}

uint32_t arena_slot_end(void)
{
	return arena ? __atomic_load_n(&arena->slots.end, __ATOMIC_RELAXED) : 0;
}

/*
 * Regions begin on different pages of their stretch and at different lines of that page.  Were
 * all aligned alike, the hot fields of all sessions would compete for the same few sets of the
 * processor's caches, which take a place in memory by its low bits.
 */
enum { COLOURS = 32, PAGE = 4096, LINE = 64 };

struct region *arena_region_take(void)
{
	int64_t bit = arena ? bit_take(&arena->regions, region_count) : -1;
	if (bit < 0)
		return NULL;
	size_t shift = (size_t)bit % COLOURS * PAGE + (size_t)(bit / 2 % 8) * LINE;
	return region_init(regions + (size_t)bit * ARENA_REGION + shift, ARENA_REGION / 4 * 3);
}

void arena_region_give(struct region *region)
{
	size_t index = (size_t)((uint8_t *)region - regions) / ARENA_REGION;
	region_wipe(region);
	madvise(regions + index * ARENA_REGION, ARENA_REGION, MADV_REMOVE);
	bit_give(&arena->regions, (uint32_t)index);
}
