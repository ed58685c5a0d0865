/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where wolfSSL's allocations go. */
#ifndef SLEEVE_TLS_MEMORY_H
#define SLEEVE_TLS_MEMORY_H

#include "shim/base/region.h"

#include <stddef.h>
#include <stdint.h>

/*
 * wolfSSL is built with XMALLOC_USER: every allocation comes through here and never meets the
 * host's malloc.  There are three places:
 *
 *   a bench    record buffers, for the length of one call: the very place in the caller's memory
 *              where the record lies or is to lie, so that nothing is copied
 *   a region   what belongs to a session: shared memory, gone with the session
 *   the heap   the rest, contexts with their keys above all: private to the process, with a
 *              lock of its own, not in core dumps
 *
 * Regions and benches belong to whoever holds the session's lock.  A block is freed where it
 * came from, whichever thread frees it.
 */

/*
 * For the length of one call into wolfSSL in this thread.  A signal handler may come in between
 * with a call of its own, so the end puts back what the beginning found.  The end says whether
 * everything on the bench was freed: if not, wolfSSL still has a pointer there, and must neither
 * read with nor free that session any more.
 */
struct memory_bench {
	uint8_t *in, *out; /* NULL: none */
	size_t in_size, out_size;
	unsigned live;
};
struct memory_scope {
	struct region *region;
	struct memory_bench *bench;
};
struct memory_scope memory_begin(struct region *region, struct memory_bench *bench);
_Bool memory_end(struct memory_scope before);

/* A block that lasts as long as the region, and that wolfSSL may free. */
void *memory_lasting(struct region *region, size_t size);

/* The hooks that wolfSSL calls (wolfssl/wolfcrypt/types.h, XMALLOC_USER). */
void *XMALLOC(size_t size, void *hint, int type);
void *XREALLOC(void *p, size_t size, void *hint, int type);
void XFREE(void *p, void *hint, int type);

#endif
