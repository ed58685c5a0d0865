/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of descriptors: entries, and how many numbers name a session. */
#include "shim/base/table.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 4, NUMBERS = 24, SLOTS = 6 };

TestSuite(base_table);

Test(base_table, is_empty_before_it_is_there)
{
	cr_expect_eq(table_get(0), 0);
	cr_expect_eq(table_get(-1), 0);
	cr_expect_eq(table_session(1 << 30), 0);
	cr_expect_eq(table_end(), 0);
	cr_assert(table_init());
	cr_assert(table_init());
	cr_expect_eq(table_get(0), 0);
	cr_expect_eq(table_get(-1), 0);
	cr_expect_eq(table_get((int)table_size), 0);
	cr_expect_eq(table_get((int)table_size - 1), 0);
}

Test(base_table, an_entry_says_what_it_was_made_of)
{
	static const uint32_t numbers[] = {0, 1, 0xffff, 0x7fffffff};
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 4; k++) {
			uint64_t entry = table_entry(numbers[i], numbers[k] * 2 + 1);
			cr_expect(entry & 1);
			cr_expect_eq(table_slot(entry), numbers[i]);
			cr_expect_eq(table_stamp(entry), numbers[k] * 2 + 1);
		}
	}
	cr_expect_neq(TABLE_OWN, TABLE_REFUSED);
}

Test(base_table, names_are_counted_for_sessions_only)
{
	cr_assert(table_init());
	static uint64_t registry_slot; /* a plaintext connection: a pointer */
	uint64_t a = table_entry(3, 1), b = table_entry(4, 9), plain = (uintptr_t)&registry_slot;
	cr_expect_eq(table_swap(5, a), 0);
	cr_expect_eq(table_swap(6, a), 0);
	cr_expect_eq(table_names(3), 2);
	cr_expect_eq(table_end(), 7);
	cr_expect_eq(table_swap(6, b), a);
	cr_expect_eq(table_names(3), 1);
	cr_expect_eq(table_names(4), 1);
	cr_expect_eq(table_swap(5, plain), a);
	cr_expect_eq(table_get(5), plain);
	cr_expect_eq(table_session(5), 0, "a plaintext connection is no session");
	cr_expect_eq(table_session(6), b);
	cr_expect_eq(table_swap(7, TABLE_OWN), 0);
	cr_expect_eq(table_swap(7, TABLE_REFUSED), TABLE_OWN);
	cr_expect_eq(table_swap(7, 0), TABLE_REFUSED);
	cr_expect_eq(table_swap(6, b), b, "the same again");
	cr_expect_eq(table_names(4), 1);
	cr_expect_not(table_change(6, a, 0), "another's entry was taken");
	cr_expect(table_change(6, b, 0));
	cr_expect_not(table_change(6, b, 0), "taken twice");
	cr_expect_eq(table_names(3) + table_names(4), 0);
	cr_expect_eq(table_swap(900, 0), 0);
	cr_expect_eq(table_end(), 8, "emptying a row that was empty makes the walk longer");
}

static void *stir(void *of)
{
	unsigned seed = (unsigned)(uintptr_t)of;
	for (int i = 0; i < 200000; i++) {
		int fd = rand_r(&seed) % NUMBERS;
		uint64_t entry = table_entry((uint32_t)rand_r(&seed) % SLOTS, 1);
		switch (rand_r(&seed) % 4) {
		case 0:
			table_swap(fd, 0);
			break;
		case 1:
			table_change(fd, entry, 0);
			break;
		default:
			table_swap(fd, entry);
		}
	}
	return NULL;
}

static void in_threads(void *(*work)(void *))
{
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

Test(base_table, counts_are_right_after_threads_have_raced)
{
	cr_assert(table_init());
	in_threads(stir);
	unsigned counted[SLOTS] = {0};
	for (int fd = 0; fd < NUMBERS; fd++)
		if (table_session(fd))
			counted[table_slot(table_get(fd))]++;
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		cr_expect_eq(table_names(slot), counted[slot], "slot %u: %u names, not %u", slot,
		             counted[slot], table_names(slot));
	cr_expect_eq(table_end(), NUMBERS);
}

static pthread_barrier_t barrier;
static unsigned winners;

static void *take_each(void *of)
{
	(void)of;
	for (uint32_t i = 0; i < 2000; i++) {
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			table_swap(3, table_entry(1, i));
		pthread_barrier_wait(&barrier);
		if (table_change(3, table_entry(1, i), 0))
			__atomic_fetch_add(&winners, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Two threads that close one number at once: one of them ends the session. */
Test(base_table, one_taker_wins)
{
	cr_assert(table_init());
	pthread_barrier_init(&barrier, NULL, THREADS);
	in_threads(take_each);
	cr_expect_eq(winners, 2000, "2,000 entries were taken %u times", winners);
	cr_expect_eq(table_names(1), 0);
}
