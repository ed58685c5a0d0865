/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small heap inside one stretch of pages. */
#ifndef SLEEVE_BASE_REGION_H
#define SLEEVE_BASE_REGION_H

#include <stdbool.h>
#include <stddef.h>

/*
 * First fit, neighbours merged when freed.  What lives long, and what is small, goes to the first
 * two pages; the rest above, where region_trim() can give the pages back when it is gone.  Results
 * are aligned to 16 bytes and not zeroed.
 * A region has no lock of its own: it belongs to whoever holds the lock of the session (or the
 * rulebook) that owns it.  Contents may be secret; region_free() wipes.
 */
struct region;

/* `base` is aligned to 16 bytes, `size` at most 1 GiB. */
struct region *region_init(void *base, size_t size);
void *region_alloc(struct region *r, size_t size); /* NULL when it does not fit */
void *region_alloc_lasting(struct region *r, size_t size); /* for what lives as long as it */
void *region_resize(struct region *r, void *p, size_t size);
void region_free(struct region *r, void *p); /* accepts NULL */
size_t region_size(const void *p); /* usable bytes of a block, at least what was asked */
bool region_owns(const struct region *r, const void *p);

/* Gives untouched-from-now-on pages above the last live block back to the kernel. */
void region_trim(struct region *r);
/* Overwrites everything that was ever used since the last trim.  A region of zeros is empty. */
void region_wipe(struct region *r);

#endif
