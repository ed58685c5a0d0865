/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Address space that only use makes memory. */
#include "shim/base/reserve.h"

#include <sys/mman.h>

/* A new mapping that is locked is filled at once, except where nothing may be accessed. */
void *reserve(size_t size, int flags, int fd)
{
	void *base = mmap(NULL, size, PROT_NONE, flags | MAP_NORESERVE, fd, 0);
	if (base == MAP_FAILED)
		return NULL;
	munlock(base, size);
	if (mprotect(base, size, PROT_READ | PROT_WRITE) == 0)
		return base;
	munmap(base, size);
	return NULL;
}
