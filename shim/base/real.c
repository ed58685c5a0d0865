/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The functions we stand in front of. */
#include "shim/base/real.h"

#include <dlfcn.h>

struct real_calls real_calls;

/*
 * read() is resolved last: real_table() takes it as the sign that the table is full.  Two threads
 * that come here together write the same values.
 */
void real_resolve(void)
{
	void *read_call = dlsym(RTLD_NEXT, "read");
#define CALL(name, family, result, parameters, arguments) RESOLVE(name)
#define VCALL(name, family, result, parameters) RESOLVE(name)
#define VOIDCALL(name, family, parameters, arguments) RESOLVE(name)
#define RESOLVE(name)                                                                              \
	if (&real_calls.name != (void *)&real_calls.read)                                          \
		*(void **)&real_calls.name = dlsym(RTLD_NEXT, #name);
#include "shim/calls.def"
#undef CALL
#undef VCALL
#undef VOIDCALL
	__atomic_store_n((void **)&real_calls.read, read_call, __ATOMIC_RELEASE);
}
