/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool of big buffers: one owner at a time, and the warm one comes first. */
#include "shim/base/scratch.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

enum { THREADS = 8, MANY = 100 };

TestSuite(base_scratch);

Test(base_scratch, the_same_pages_come_again)
{
	scratch_give(NULL);
	uint8_t *first = scratch_take();
	cr_assert(first);
	cr_expect_eq((uintptr_t)first % 16, 0);
	memset(first, 1, SCRATCH_SIZE);
	uint8_t *second = scratch_take();
	cr_expect_neq(first, second);
	scratch_give(first);
	cr_expect_eq(scratch_take(), first);
	scratch_give(first);
	scratch_give(second);
}

Test(base_scratch, more_than_the_pool_holds)
{
	uint8_t *all[MANY];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			all[i] = scratch_take();
			cr_assert(all[i]);
			memset(all[i], i, SCRATCH_SIZE);
		}
		for (int i = 0; i < MANY; i++) {
			cr_assert_eq(all[i][0], i, "buffer %d has another owner", i);
			cr_assert_eq(all[i][SCRATCH_SIZE - 1], i);
			scratch_give(all[i]);
		}
	}
}

static void *borrow(void *of)
{
	uintptr_t wrong = 0, *word;
	for (int i = 0; i < 20000; i++) {
		word = (uintptr_t *)scratch_take();
		if (!word)
			return (void *)1;
		__atomic_store_n(word, (uintptr_t)of, __ATOMIC_RELAXED);
		for (int k = 0; k < 50; k++)
			wrong += __atomic_load_n(word, __ATOMIC_RELAXED) != (uintptr_t)of;
		scratch_give((uint8_t *)word);
	}
	return (void *)wrong;
}

Test(base_scratch, threads_never_share_one)
{
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, borrow, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;
		pthread_join(threads[i], &wrong);
		cr_expect_null(wrong, "thread %d found another's bytes", i);
	}
}
