/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slots and regions of a family: nobody ever gets what another has. */
#include "shim/base/arena.h"
#include "shim/base/region.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 6, MOST = 12, PAGE = 4096, USABLE = ARENA_REGION / 4 * 3, CHUNK = 32 };

/* There is something for the family to share, as once a first session was there. */
static void init(void)
{
	uint32_t index;
	cr_assert(arena_slot_take(&index));
	arena_slot_give(index);
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
			if (!word || word != arena_slot(mine[count]) || !mark(word, 0, self))
				return 1;
			/* What the family has is full; then come 12 of one's own. */
			if (mine[count] >= 2 * CHUNK)
				return 4;
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
	uint32_t index = 77;
	cr_expect(arena_slot_take(&index));
	cr_expect_eq(index, 0, "all were given back, but the first free one is %u", index);
}

enum { THREADS = 6, EACH = 2000 };

static void *take_many(void *of)
{
	for (uint32_t index, i = 0; i < EACH; i++) {
		int *word = arena_slot_take(&index);
		if (!word || !mark(word, 0, 1))
			return of;
	}
	return NULL;
}

/* Each time that all are taken, several find so at once. */
Test(base_arena, no_slot_is_handed_out_twice_to_threads)
{
	pthread_t threads[THREADS];
	uint32_t index;
	void *bad;
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, take_many, threads), 0);
	for (int i = 0; i < THREADS; i++) {
		cr_assert_eq(pthread_join(threads[i], &bad), 0);
		cr_expect_null(bad);
	}
	cr_assert(arena_slot_take(&index));
	cr_expect_eq(index, THREADS * EACH, "%u slots for %d", index, THREADS * EACH);
}

/* Who was killed in the middle of it could not say so, and the next one does it again. */
Test(base_arena, a_region_that_was_given_back_already_is_nobody_elses_memory)
{
	uint32_t first, second;
	cr_assert(arena_slot_take(&first) && arena_slot_take(&second) && first < second);
	region_alloc(arena_region_take(first), 5000);
	char *text = region_alloc(arena_region_take(second), 5000);
	strcpy(text, "still here");
	arena_region_give(first);
	arena_region_give(first);
	cr_expect_str_eq(text, "still here");
}

static int fight_for_regions(int self)
{
	uint32_t mine[MOST];
	int *words[MOST];
	unsigned count = 0, seed = (unsigned)self;
	for (int i = 0; i < 4000; i++) {
		if (count < MOST && rand_r(&seed) % 2) {
			if (!arena_slot_take(&mine[count]))
				return 3;
			words[count] = region_alloc(arena_region_take(mine[count]), 5000);
			if (!words[count] || !mark(words[count], 0, self))
				return 1;
			count++;
		} else if (count) {
			unsigned which = (unsigned)rand_r(&seed) % count;
			if (!mark(words[which], self, self))
				return 2;
			arena_region_give(mine[which]);
			arena_slot_give(mine[which]);
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
	cr_expect_null(arena_slot_take(&index));
	arena_slot_give(54321);
	cr_expect(arena_slot_take(&index));
	cr_expect_eq(index, 54321);
}

Test(base_arena, regions_are_apart_and_as_large_as_promised)
{
	enum { COUNT = 100 };
	uint8_t *regions[COUNT];
	uint32_t index;
	for (int i = 0; i < COUNT; i++) {
		cr_assert(arena_slot_take(&index));
		regions[i] = (uint8_t *)arena_region_take(index);
		cr_expect_eq((uintptr_t)regions[i] % 16, 0);
		uint8_t *all = region_alloc((struct region *)regions[i], USABLE - 64);
		cr_assert(all, "region %d has less than three quarters of its stretch", i);
		all[0] = all[USABLE - 65] = (uint8_t)i;
		for (int k = 0; k < i; k++)
			cr_assert(regions[k] + USABLE <= regions[i] ||
			          regions[i] + USABLE <= regions[k],
			          "regions %d and %d overlap", k, i);
	}
}

static size_t resident(const void *p)
{
	unsigned char pages[USABLE / PAGE];
	uintptr_t from = (uintptr_t)p & ~(uintptr_t)(PAGE - 1);
	size_t count = 0;
	cr_assert_eq(mincore((void *)from, USABLE, pages), 0);
	for (size_t i = 0; i < sizeof pages; i++)
		count += pages[i] & 1;
	return count;
}

/* `lock`: as mlockall(2) does, which cannot know what is in use. */
static void take_and_give(uint32_t index, bool lock)
{
	struct region *region = arena_region_take(index);
	uint8_t *secret = region_alloc(region, 300000);
	memset(secret, 0x5e, 300000);
	if (lock)
		mlock((void *)((uintptr_t)region & ~(uintptr_t)(PAGE - 1)), USABLE);
	cr_assert_geq(resident(region), 300000 / PAGE);
	errno = 0;
	arena_region_give(index);
	cr_expect_eq(errno, 0);
	cr_expect_eq(resident(region), 0, "%zu pages stay", resident(region));
	cr_assert_eq(arena_region_take(index), region);
	secret = region_alloc(region, 300000);
	for (size_t i = 0; i < 300000; i++)
		cr_assert_eq(secret[i], 0, "byte %zu is another's", i);
}

Test(base_arena, a_region_given_back_leaves_no_page_and_no_byte)
{
	uint32_t index;
	for (int i = 0; i < CHUNK + 2; i++) {
		cr_assert(arena_slot_take(&index));
		take_and_give(index, i % 3 == 1);
	}
}

Test(base_arena, a_family_shares_it_at_one_address)
{
	uint32_t index;
	char *slot = arena_slot_take(&index);
	pid_t child = fork();
	if (child == 0) {
		/* The region comes to be in the child, and the parent has it as well. */
		char *text = region_alloc(arena_region_take(index), 20);
		strcpy(text, "from the child");
		memcpy(slot, &text, sizeof text);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, NULL, 0), child);
	char *text;
	memcpy(&text, slot, sizeof text);
	cr_expect_str_eq(text, "from the child");
}

Test(base_arena, what_is_made_after_a_fork_is_not_the_others)
{
	uint32_t index, number = 0;
	pid_t child = fork();
	for (int i = 0; i < 3 * CHUNK; i++) {
		int *word = arena_slot_take(&index);
		if (child == 0) {
			*word = 1;
			continue;
		}
		cr_assert(word);
		if (i == 0)
			cr_assert_eq(waitpid(child, NULL, 0), child);
		cr_expect(index < CHUNK || *word == 0, "slot %u has another's content", index);
		number = index > number ? index : number;
	}
	if (child == 0)
		_exit(0);
	cr_expect_geq(number, 3 * CHUNK, "nothing of the child's is lost: %u", number);
}

static rlim_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	cr_assert(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	return (rlim_t)pages * PAGE;
}

static int within(rlim_t more)
{
	struct rlimit limit = {address_space() + more, RLIM_INFINITY};
	uint32_t index;
	int count = 0;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	errno = 0;
	while (arena_slot_take(&index)) {
		uint8_t *all = region_alloc(arena_region_take(index), USABLE - 64);
		cr_assert(all);
		all[0] = all[USABLE - 65] = 1;
		count++;
	}
	cr_expect_eq(errno, 0);
	return count;
}

Test(base_arena, what_address_space_there_is_is_used)
{
	enum { MIB = 1 << 20 };
	int count = within(0);
	cr_expect_leq(count, CHUNK);
	cr_expect_eq(within(PAGE), 0);
	count = within(6 * MIB); /* the limit stays above what is mapped */
	cr_expect(count >= 8 && count <= 12, "%d within 6 MiB", count);
	count = within(20 * MIB);
	cr_expect(count >= 32 && count <= 40, "%d within 20 MiB", count);
}
