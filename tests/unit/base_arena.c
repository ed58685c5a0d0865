/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slots and regions of a family: nobody ever gets what another has. */
#include "shim/base/arena.h"
#include "shim/base/region.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 6, MOST = 12, PAGE = 4096 };

static void init(void)
{
	cr_assert(arena_init());
	cr_assert(arena_init(), "asking twice is fine");
}

TestSuite(base_arena, .init = init);

/* Runs `work` in several processes at once; each says by its status whether it was content. */
static void in_processes(int (*work)(int self))
{
	pid_t children[PROCESSES];
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		cr_assert_geq(children[i], 0);
		if (children[i] == 0)
			_exit(work(i + 1));
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
		cr_expect(WIFEXITED(status) && !WEXITSTATUS(status), "process %d: %#x", i, status);
	}
}

/* The word shows whose it is: taken must be found 0, given back must still be ours. */
static bool mark(int *word, int from, int to)
{
	return __atomic_exchange_n(word, to, __ATOMIC_ACQ_REL) == from;
}

static int fight_for_slots(int self)
{
	uint32_t mine[MOST];
	unsigned count = 0, seed = (unsigned)self;
	for (int i = 0; i < 60000; i++) {
		if (count < MOST && rand_r(&seed) % 2) {
			int *word = arena_slot_take(&mine[count]);
			if (!word || word != arena_slot(mine[count]) || !mark(word, 0, self) ||
			    mine[count] >= arena_slot_end())
				return 1;
			count++;
		} else if (count) {
			unsigned which = (unsigned)rand_r(&seed) % count;
			if (!mark(arena_slot(mine[which]), self, 0))
				return 2;
			arena_slot_give(mine[which]);
			mine[which] = mine[--count];
		}
	}
	while (count) {
		if (!mark(arena_slot(mine[--count]), self, 0))
			return 3;
		arena_slot_give(mine[count]);
	}
	return 0;
}

Test(base_arena, no_slot_is_handed_out_twice)
{
	in_processes(fight_for_slots);
	cr_expect_leq(arena_slot_end(), PROCESSES * (MOST + 1),
	              "%u slots for at most %d at once", arena_slot_end(), PROCESSES * MOST);
	uint32_t index = 77;
	cr_expect(arena_slot_take(&index));
	cr_expect_eq(index, 0, "all were given back, but the first free one is %u", index);
}

static int fight_for_regions(int self)
{
	struct region *mine[MOST];
	int *words[MOST];
	unsigned count = 0, seed = (unsigned)self;
	for (int i = 0; i < 4000; i++) {
		if (count < MOST && rand_r(&seed) % 2) {
			mine[count] = arena_region_take();
			words[count] = mine[count] ? region_alloc(mine[count], 5000) : NULL;
			if (!words[count] || !mark(words[count], 0, self))
				return 1;
			count++;
		} else if (count) {
			unsigned which = (unsigned)rand_r(&seed) % count;
			if (!mark(words[which], self, self))
				return 2;
			arena_region_give(mine[which]);
			mine[which] = mine[--count];
			words[which] = words[count];
		}
	}
	return 0;
}

Test(base_arena, no_region_is_handed_out_twice)
{
	in_processes(fight_for_regions);
}

Test(base_arena, all_slots_can_be_had_and_no_more)
{
	static uint8_t seen[ARENA_SLOTS];
	uint32_t index;
	for (int i = 0; i < ARENA_SLOTS; i++) {
		cr_assert(arena_slot_take(&index), "only %d slots", i);
		cr_assert_eq(seen[index]++, 0, "slot %u came twice", index);
	}
	cr_expect_eq(arena_slot_end(), ARENA_SLOTS);
	cr_expect_null(arena_slot_take(&index));
	arena_slot_give(54321);
	cr_expect(arena_slot_take(&index));
	cr_expect_eq(index, 54321);
}

Test(base_arena, regions_are_apart_and_as_large_as_promised)
{
	enum { COUNT = 100 };
	uint8_t *regions[COUNT];
	for (int i = 0; i < COUNT; i++) {
		regions[i] = (uint8_t *)arena_region_take();
		cr_assert(regions[i]);
		cr_expect_eq((uintptr_t)regions[i] % 16, 0);
		uint8_t *all = region_alloc((struct region *)regions[i], ARENA_REGION / 4 * 3 - 64);
		cr_assert(all, "region %d has less than three quarters of its stretch", i);
		all[0] = all[ARENA_REGION / 4 * 3 - 65] = (uint8_t)i;
		for (int k = 0; k < i; k++)
			cr_assert(regions[k] + ARENA_REGION / 4 * 3 <= regions[i] ||
			          regions[i] + ARENA_REGION / 4 * 3 <= regions[k],
			          "regions %d and %d overlap", k, i);
	}
}

static size_t resident(const void *p)
{
	unsigned char pages[ARENA_REGION / PAGE];
	uintptr_t from = (uintptr_t)p & ~(uintptr_t)(ARENA_REGION - 1);
	size_t count = 0;
	cr_assert_eq(mincore((void *)from, ARENA_REGION, pages), 0);
	for (size_t i = 0; i < sizeof pages; i++)
		count += pages[i] & 1;
	return count;
}

Test(base_arena, a_region_given_back_leaves_no_page_and_no_byte)
{
	struct region *first = arena_region_take();
	uint8_t *secret = region_alloc(first, 300000);
	memset(secret, 0x5e, 300000);
	cr_assert_geq(resident(first), 300000 / PAGE);
	arena_region_give(first);
	cr_expect_eq(resident(first), 0, "%zu pages stay", resident(first));
	cr_assert_eq(arena_region_take(), first, "the lowest free one comes first");
	secret = region_alloc(first, 300000);
	for (size_t i = 0; i < 300000; i++)
		cr_assert_eq(secret[i], 0, "byte %zu is another's", i);
}

Test(base_arena, a_family_shares_it_at_one_address)
{
	uint32_t index;
	char *slot = arena_slot_take(&index);
	struct region *region = arena_region_take();
	pid_t child = fork();
	if (child == 0) {
		char *text = region_alloc(region, 20);
		strcpy(text, "from the child");
		memcpy(slot, &text, sizeof text);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, NULL, 0), child);
	char *text;
	memcpy(&text, slot, sizeof text);
	cr_assert(region_owns(region, text));
	cr_expect_str_eq(text, "from the child");
}
