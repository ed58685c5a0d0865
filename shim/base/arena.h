/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory that a process family shares: session slots and regions. */
#ifndef SLEEVE_BASE_ARENA_H
#define SLEEVE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One anonymous MAP_SHARED mapping, made before any fork and therefore at the same address in
 * every process of the family: pointers into it mean the same everywhere.  It is left out of
 * core dumps.  Only address space is reserved; pages come with use and go back when a region ends.
 *
 * Slots (ARENA_SLOT bytes, zeroed once, never unmapped, so that a late reader of a stale number
 * finds at worst another session's lock and stamp) and regions (ARENA_REGION bytes of address
 * space, see base/region.h) are taken and given back with atomics on bitmaps: no lock, nothing
 * to repair when a process dies in the middle.  All functions are thread and fork safe.
 */
enum {
	ARENA_SLOTS = 1 << 16,
	ARENA_SLOT = 1024,
	ARENA_REGION = 1 << 19, /* of which a region may use 3/4 */
};

/* False when no address space can be had; sessions are refused then (fail closed). */
bool arena_init(void);

/* NULL when all are taken. */
void *arena_slot_take(uint32_t *index);
void arena_slot_give(uint32_t index);
void *arena_slot(uint32_t index);
/* Slots ever used, to bound a walk. */
uint32_t arena_slot_end(void);

/* An initialised region, NULL when all are taken. */
struct region *arena_region_take(void);
/* Wipes it and gives its pages back. */
void arena_region_give(struct region *region);

#endif
