/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the exit family: goodbye where the program does not close. */
#include "shim/life/door.h"

#include <stdlib.h>
#include <unistd.h>

static void leave(bool flushes)
{
	descriptor_all_ending();
	carrier_last_exit(flushes);
}

/* exit(3) and return from main come here last of all destructors that matter to us.  Streams are
 * flushed after it. */
__attribute__((destructor)) static void at_exit(void)
{
	leave(true);
}

DOOR void _exit(int status)
{
	leave(false);
	real._exit(status);
	__builtin_unreachable();
}

DOOR void _Exit(int status)
{
	_exit(status);
}

DOOR void quick_exit(int status)
{
	leave(false);
	real.quick_exit(status);
	__builtin_unreachable();
}
