/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Big buffers for the length of one call. */
#ifndef SLEEVE_BASE_SCRATCH_H
#define SLEEVE_BASE_SCRATCH_H

#include <stdint.h>

/*
 * Sessions hold no buffers between calls, threads have small stacks and large thread-local
 * arrays are carved out of every stack: so a call that moves bytes borrows a buffer from this
 * pool of the process.  Taking and giving is one atomic exchange; the pool never shrinks and
 * holds as many buffers as calls were ever under way at once.  A buffer may hold plaintext: it is
 * private to the process and left out of core dumps.  In a forked child the buffers that other
 * threads held are lost (a few pages each), never shared.
 */
enum { SCRATCH_SIZE = 160 * 1024 };

/* 16-byte aligned, SCRATCH_SIZE bytes; NULL when memory is refused. */
uint8_t *scratch_take(void);
void scratch_give(uint8_t *buffer); /* accepts NULL */
/* The same for pthread_cleanup_push(3): a thread that waits with a buffer may be cancelled. */
void scratch_clean_up(void *buffer);

#endif
