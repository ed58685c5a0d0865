/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small heap: nothing overlaps, nothing leaks, what is freed is wiped and given back. */
#include "shim/base/region.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, SIZE = 96 * PAGE, BLOCKS = 150 };

static uint8_t *base;

static void map(void)
{
	base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(base, MAP_FAILED);
}

static void unmap(void)
{
	munmap(base, SIZE);
}

static size_t resident(void)
{
	unsigned char pages[SIZE / PAGE];
	size_t count = 0;
	cr_assert_eq(mincore(base, SIZE, pages), 0);
	for (size_t i = 0; i < sizeof pages; i++)
		count += pages[i] & 1;
	return count;
}

static size_t nonzero(const uint8_t *from, size_t size)
{
	size_t count = 0;
	for (size_t i = 0; i < size; i++)
		count += from[i] != 0;
	return count;
}

TestSuite(base_region, .init = map, .fini = unmap);

struct model {
	uint8_t *at;
	size_t size;
	uint8_t fill;
};

static void check(const struct region *r, const struct model *m)
{
	cr_assert_eq((uintptr_t)m->at % 16, 0, "%p is not aligned", (void *)m->at);
	cr_assert_geq(region_size(m->at), m->size);
	cr_assert(region_owns(r, m->at) && m->at + m->size <= base + SIZE);
	for (size_t i = 0; i < m->size; i++)
		cr_assert_eq(m->at[i], m->fill, "byte %zu of %zu was overwritten", i, m->size);
}

static size_t some_size(unsigned *seed)
{
	return (size_t)rand_r(seed) % (rand_r(seed) % 8 ? 300 : 12000);
}

static void one_step(struct region *r, struct model *m, unsigned *seed)
{
	size_t size = some_size(seed);
	if (!m->at) {
		*m = (struct model){region_alloc(r, size), size, (uint8_t)rand_r(seed)};
	} else {
		check(r, m);
		if (rand_r(seed) % 3 == 0) {
			uint8_t *moved = region_resize(r, m->at, size);
			if (!moved)
				return;
			m->at = moved;
			if (m->size > size)
				m->size = size;
			check(r, m);
			m->size = size;
		} else {
			region_free(r, m->at);
			m->at = NULL;
		}
	}
	if (m->at)
		memset(m->at, m->fill, m->size);
}

Test(base_region, random_use_keeps_every_block_whole)
{
	/* Not at the beginning of a page: the arena does not start its regions there either. */
	struct region *r = region_init(base + 192, SIZE - 192);
	struct model blocks[BLOCKS] = {0};
	for (unsigned seed = 1, step = 0; step < 200000; step++)
		one_step(r, &blocks[rand_r(&seed) % BLOCKS], &seed);
	for (int i = 0; i < BLOCKS; i++) {
		if (blocks[i].at)
			check(r, &blocks[i]);
		region_free(r, blocks[i].at);
	}
	cr_assert(region_alloc(r, SIZE - 192 - 64), "freed neighbours were not merged");
}

Test(base_region, neighbours_merge_whatever_the_order)
{
	static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1},
	                                {1, 2, 0, 3}, {0, 2, 1, 3}, {3, 0, 1, 2}, {2, 1, 3, 0}};
	struct region *r = region_init(base, SIZE);
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		uint8_t *first = region_alloc(r, 100), *four[4];
		for (int k = 0; k < 4; k++)
			four[k] = region_alloc(r, 1000);
		uint8_t *guard = region_alloc(r, 16);
		for (int k = 0; k < 4; k++)
			region_free(r, four[orders[i][k]]);
		uint8_t *whole = region_alloc(r, 4000);
		cr_expect_eq(whole, four[0], "order %zu: the hole was not used as one", i);
		region_free(r, guard);
		region_free(r, whole);
		cr_expect_eq(region_alloc(r, 9000), four[0], "order %zu: the top stayed up", i);
		region_free(r, four[0]);
		region_free(r, first);
	}
}

Test(base_region, what_does_not_fit_is_refused)
{
	struct region *r = region_init(base, SIZE);
	cr_expect_null(region_alloc(r, SIZE));
	cr_expect_null(region_alloc(r, SIZE - 31));
	cr_expect_null(region_alloc(r, SIZE_MAX));
	cr_expect_null(region_alloc(r, (size_t)UINT32_MAX + 1));
	uint8_t *p = region_alloc(r, 10);
	memcpy(p, "important", 10);
	cr_expect_null(region_resize(r, p, SIZE));
	cr_expect_str_eq((char *)p, "important", "a resize that failed did harm");
	uint8_t *rest = region_alloc(r, SIZE - 16 - 32 - 16);
	cr_expect(rest, "the region is smaller than it says");
	cr_expect_null(region_alloc(r, 0), "a block without room");
	region_free(r, NULL);
	cr_expect_eq(resident(), 1, "nothing was written but %zu pages are there", resident());
}

Test(base_region, freed_and_moved_bytes_are_wiped)
{
	struct region *r = region_init(base, SIZE);
	uint8_t *low = region_alloc(r, 1000), *guard = region_alloc(r, 1);
	memset(low, 0xa5, 1000);
	uint8_t *moved = region_resize(r, low, 5000);
	cr_assert_neq(low, moved);
	cr_expect_eq(moved[999], 0xa5);
	cr_expect_eq(nonzero(low, 1000), 0, "the old place of a moved block still has its bytes");
	memset(moved, 0x5a, 5000);
	region_free(r, moved);
	cr_expect_eq(nonzero(moved, 5000), 0, "a freed block still has its bytes");
	*guard = 1;
	memset(region_alloc(r, 900), 0x77, 900);
	region_wipe(r);
	cr_expect_eq(nonzero(base + 16, SIZE - 16), 0, "bytes outlive the wipe");
}

Test(base_region, trim_gives_the_pages_above_the_last_block_back)
{
	struct region *r = region_init(base + 64, SIZE - 64);
	uint8_t *low = region_alloc(r, 5000), *high = region_alloc(r, 50 * PAGE);
	memset(low, 1, 5000);
	memset(high, 2, 50 * PAGE);
	cr_assert_geq(resident(), 50);
	region_trim(r);
	cr_expect_geq(resident(), 50, "pages in use were given away");
	cr_expect_eq(nonzero(high, 50 * PAGE), 50 * PAGE);
	region_free(r, high);
	region_trim(r);
	/* Two pages are kept for what is small and lasts; the 5,000 bytes lie behind them. */
	cr_expect_leq(resident(), 4, "5,000 bytes keep %zu pages", resident());
	cr_expect_eq(nonzero(low, 5000), 5000, "a live block lost bytes");
	cr_expect_eq(region_alloc(r, 50 * PAGE), high);
	region_free(r, high);
	region_free(r, low);
	region_trim(r);
	cr_expect_eq(resident(), 1, "only the region's own head stays");
}
