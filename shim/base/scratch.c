/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Big buffers for the length of one call. */
#include "shim/base/scratch.h"

#include <stddef.h>
#include <sys/mman.h>

/*
 * A fixed row of places, each emptied and filled by one exchange.  The lowest is tried first, so
 * a single-threaded program always gets the same warm pages.
 */
enum { PLACES = 64 };

static uint8_t *places[PLACES];

uint8_t *scratch_take(void)
{
	for (int i = 0; i < PLACES; i++) {
		if (!__atomic_load_n(&places[i], __ATOMIC_RELAXED))
			continue;
		uint8_t *buffer = __atomic_exchange_n(&places[i], NULL, __ATOMIC_ACQUIRE);
		if (buffer)
			return buffer;
	}
	void *fresh = mmap(NULL, SCRATCH_SIZE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		return NULL;
	madvise(fresh, SCRATCH_SIZE, MADV_DONTDUMP);
	return fresh;
}

void scratch_give(uint8_t *buffer)
{
	for (int i = 0; buffer && i < PLACES; i++) {
		uint8_t *none = NULL;
		if (__atomic_compare_exchange_n(&places[i], &none, buffer, 0, __ATOMIC_RELEASE,
		                                __ATOMIC_RELAXED))
			return;
	}
	if (buffer)
		munmap(buffer, SCRATCH_SIZE);
}

void scratch_clean_up(void *buffer)
{
	scratch_give(buffer);
}
