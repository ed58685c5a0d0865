/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The functions we stand in front of. */
#include "shim/base/real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

struct real_calls real_calls;

/* Those that a libc may not have, see real.h. */
static bool is_newer(const char *name)
{
	static const char *const newer[] = {
		"preadv64v2", "pwritev64v2", "epoll_pwait2", "close_range", "closefrom", "execveat",
		"pidfd_getfd", "_Fork", "pidfd_spawn", "pidfd_spawnp",
	};
	for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
		if (strcmp(name, newer[i]) == 0)
			return true;
	return false;
}

static void resolve(bool newer)
{
#define CALL(name, family, result, parameters, arguments) RESOLVE(name)
#define VCALL(name, family, result, parameters) RESOLVE(name)
#define VOIDCALL(name, family, parameters, arguments) RESOLVE(name)
#define RESOLVE(name)                                                                              \
	if (is_newer(#name) == newer && &real_calls.name != (void *)&real_calls.read)              \
		*(void **)&real_calls.name = dlsym(RTLD_NEXT, #name);
#include "shim/calls.def"
#undef CALL
#undef VCALL
#undef VOIDCALL
}

/*
 * read() is resolved last: real_table() takes it as the sign that the table is full.  Two threads
 * that come here together write the same values.  Only what may be missing comes later: to say that
 * it is, dlsym(3) takes memory, and a malloc that is just being set up comes through our doors.
 */
void real_resolve(void)
{
	void *read_call = dlsym(RTLD_NEXT, "read");
	resolve(false);
	__atomic_store_n((void **)&real_calls.read, read_call, __ATOMIC_RELEASE);
	resolve(true);
}

/* Code that holds one of the real functions. */
static struct {
	uintptr_t start, size;
} behind[8];
static unsigned behind_count;

static void note(uintptr_t start, uintptr_t size)
{
	const uintptr_t *calls = (const uintptr_t *)&real_calls;
	for (size_t i = 0; i < sizeof real_calls / sizeof *calls; i++)
		if (calls[i] - start < size && behind_count < sizeof behind / sizeof *behind) {
			behind[behind_count].start = start;
			behind[behind_count++].size = size;
			return;
		}
}

static int look(struct dl_phdr_info *object, size_t size, void *unused)
{
	(void)size, (void)unused;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_LOAD && object->dlpi_phdr[i].p_flags & PF_X)
			note(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr,
			     object->dlpi_phdr[i].p_memsz);
	return 0;
}

void real_look_behind(void)
{
	dl_iterate_phdr(look, NULL);
}

bool real_is_behind(const void *caller)
{
	for (unsigned i = 0; i < behind_count; i++)
		if ((uintptr_t)caller - behind[i].start < behind[i].size)
			return true;
	return false;
}
