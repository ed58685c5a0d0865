/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Address space that only use makes memory. */
#ifndef SLEEVE_BASE_RESERVE_H
#define SLEEVE_BASE_RESERVE_H

#include <stddef.h>

/*
 * mmap(2) for what is mostly never used, readable and writable: not even in a program that has
 * all its future mappings locked (mlockall(2), MCL_FUTURE) is it filled, nor does it then count
 * against RLIMIT_MEMLOCK, for it is not locked.  `flags` and `fd` are mmap's.  NULL when there is
 * no address space, with mmap's errno; else errno is left alone.
 */
void *reserve(size_t size, int flags, int fd);

#endif
