/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the exit family: goodbye where the program does not close. */
#include "shim/life/door.h"

#include <stdlib.h>
#include <unistd.h>

/* exit(3) and return from main come here last of all destructors that matter to us. */
__attribute__((destructor)) static void at_exit(void)
{
	descriptor_all_ending();
}

DOOR void _exit(int status)
{
	descriptor_all_ending();
	real._exit(status);
	__builtin_unreachable();
}

DOOR void _Exit(int status)
{
	_exit(status);
}

DOOR void quick_exit(int status)
{
	descriptor_all_ending();
	real.quick_exit(status);
	__builtin_unreachable();
}
