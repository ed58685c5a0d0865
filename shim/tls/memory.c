/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where wolfSSL's allocations go. */
#include "shim/tls/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/types.h>

/*
 * Every block carries before it the region it belongs to, so that freeing needs to know nothing:
 * the last session that uses a context frees it, with the session's region current.
 */
struct origin {
	struct region *region;
	uintptr_t in_heap; /* the region is one of the heap's; as wide as alignment wants it */
};

/*
 * The heap is a row of regions, each twice as large as the one before and made when it is needed:
 * 255 MiB in all.  A context with the usual 140 public CAs takes 80 KiB.
 */
enum { HEAPS = 8, HEAP_SIZE = 1 << 20 };

static __thread void *adding;
static __thread struct region *current;
static __thread struct memory_bench *bench;
static struct region *heaps[HEAPS];
/* Free in a forked child: whoever allocates here is inside the gate (gate.h). */
static pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;

struct memory_scope memory_begin(struct region *region, struct memory_bench *given)
{
	struct memory_scope before = {current, bench};
	current = region;
	bench = given;
	return before;
}

bool memory_end(struct memory_scope before)
{
	bool clean = !bench || bench->live == 0;
	current = before.region;
	bench = before.bench;
	adding = NULL;
	return clean;
}

static struct region *make_heap(size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	madvise(base, size, MADV_DONTDUMP);
	return region_init(base, size);
}

/*
 * wolfSSL takes a buffer for the body of the record it is about to receive, and one for the record
 * it is about to send: these are where the body already is, and where the record will be sent
 * from, and copying them in and out again falls away (tls.c).  Its caller's memory has no room
 * for a block's origin, so these blocks are known by their address.
 */
static void *on_bench(size_t size, int type)
{
	if (type == DYNAMIC_TYPE_IN_BUFFER && bench->in && size <= bench->in_size) {
		bench->live |= 1;
		return bench->in;
	}
	if (type == DYNAMIC_TYPE_OUT_BUFFER && bench->out && size <= bench->out_size &&
	    !(bench->live & 2)) {
		bench->live |= 2;
		return bench->out;
	}
	return NULL;
}

static bool is_on_bench(const void *p)
{
	if (!bench || (p != bench->in && p != bench->out))
		return false;
	bench->live &= p == bench->in ? ~1u : ~2u;
	return true;
}

/* What a session keeps after its handshake: the WOLFSSL, its session, two cipher states. */
static bool lasts(int type)
{
	return type == DYNAMIC_TYPE_SSL || type == DYNAMIC_TYPE_SESSION ||
	       type == DYNAMIC_TYPE_CIPHER;
}

static void *in_region(struct region *region, size_t size, int type)
{
	struct origin *block = lasts(type) ? region_alloc_lasting(region, size + sizeof *block)
	                                   : region_alloc(region, size + sizeof *block);
	if (!block)
		return NULL;
	*block = (struct origin){.region = region};
	return block + 1;
}

void *memory_lasting(struct region *region, size_t size)
{
	return in_region(region, size, DYNAMIC_TYPE_SSL);
}

static void *from_heap(size_t size)
{
	struct origin *p = NULL;
	pthread_mutex_lock(&heap_lock);
	for (int i = 0; i < HEAPS && !p; i++) {
		if (!heaps[i])
			heaps[i] = make_heap((size_t)HEAP_SIZE << i);
		p = heaps[i] ? in_region(heaps[i], size, DYNAMIC_TYPE_SSL) : NULL;
	}
	if (p)
		p[-1].in_heap = true;
	pthread_mutex_unlock(&heap_lock);
	return p;
}

/*
 * wolfSSL adds the intermediate CAs that a peer sent, once verified, to the context's certificate
 * manager (internal.c, ProcessPeerCerts; ssl_certman.c, AddCA): made during a session's handshake,
 * they outlive it.  It copies the certificate, and frees the copy when the manager has what it
 * keeps: between the two everything is the context's.
 */
static bool is_for_context(int type)
{
	return adding || type == DYNAMIC_TYPE_CA;
}

void *XMALLOC(size_t size, void *hint, int type)
{
	(void)hint;
	if (!current || is_for_context(type)) {
		void *kept = from_heap(size);
		if (current && type == DYNAMIC_TYPE_CA)
			adding = kept;
		return kept;
	}
	void *p = bench ? on_bench(size, type) : NULL;
	return p ? p : in_region(current, size, type);
}

void XFREE(void *p, void *hint, int type)
{
	(void)hint;
	(void)type;
	if (!p || is_on_bench(p))
		return;
	if (p == adding)
		adding = NULL;
	struct origin *block = (struct origin *)p - 1;
	bool in_heap = block->in_heap;
	if (in_heap)
		pthread_mutex_lock(&heap_lock);
	region_free(block->region, block);
	if (in_heap)
		pthread_mutex_unlock(&heap_lock);
}

/* Record buffers, the only blocks on a bench, are never resized. */
void *XREALLOC(void *p, size_t size, void *hint, int type)
{
	if (!p)
		return XMALLOC(size, hint, type);
	struct origin *block = (struct origin *)p - 1;
	void *moved = XMALLOC(size, hint, type);
	if (moved) {
		size_t had = region_size(block) - sizeof *block;
		memcpy(moved, p, had < size ? had : size);
		XFREE(p, hint, type);
	}
	return moved;
}
