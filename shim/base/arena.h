/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory that a process family shares: session slots and their regions. */
#ifndef SLEEVE_BASE_ARENA_H
#define SLEEVE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Slots (ARENA_SLOT bytes, zeroed once) and, for each, a region (base/region.h) of its own.  They
 * lie in chunks of 32: anonymous MAP_SHARED mappings, made when the ones before are full and
 * never unmapped, so that a late reader of a stale number finds at worst another session's lock
 * and stamp.  Pages come with use and go back when a region ends; core dumps leave them out.
 *
 * A chunk is shared by the process that made it and those forked since, at one address: pointers
 * into it mean the same in all of them.  Processes that went apart before each make their own,
 * so a number of a slot means something only to those that have the session.  They all have the
 * chunk, for there is no way to a session but making it or being forked by who has it; and what
 * the session may ever need lies in the same chunk.
 *
 * Taking and giving are atomics on a bitmap in the chunk: no lock, nothing to repair when a
 * process dies in the middle.  All functions are thread and fork safe and leave errno alone.
 */
enum {
	ARENA_SLOTS = 1 << 16, /* that one process can have */
	ARENA_SLOT = 1024,
	ARENA_REGION = 1 << 19, /* address space of a region, which may use 3/4 of it */
};

/* NULL when all are taken, or there is no address space for more. */
void *arena_slot_take(uint32_t *index);
/* The same among the slots there are: NULL, too, where more would have to be made. */
void *arena_slot_find(uint32_t *index);
void arena_slot_give(uint32_t index);
void *arena_slot(uint32_t index);
/* Every slot that is taken, and what is nobody's in a chunk that came out small: zeroes. */
void arena_each_taken(void (*visit)(uint32_t index));

/* The slot's region, initialised. */
struct region *arena_region_take(uint32_t slot);
/* Wipes it and gives its pages back. */
void arena_region_give(uint32_t slot);

#endif
