/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the jumps with which a signal handler may leave what it has interrupted. */
#include "shim/life/door.h"

#include "shim/session/session.h"

#include <setjmp.h>

/*
 * alarm(2) and a jump out of its handler are an old way to bound a read.  Mostly it interrupts a
 * wait, where no lock is held; what it may leave in the middle is given up first.
 */
DOOR void longjmp(struct __jmp_buf_tag env[1], int value)
{
	session_abandon();
	real.longjmp(env, value);
	__builtin_unreachable();
}

DOOR void _longjmp(struct __jmp_buf_tag env[1], int value)
{
	session_abandon();
	real._longjmp(env, value);
	__builtin_unreachable();
}

DOOR void siglongjmp(struct __jmp_buf_tag env[1], int value)
{
	session_abandon();
	real.siglongjmp(env, value);
	__builtin_unreachable();
}

DOOR void __longjmp_chk(struct __jmp_buf_tag env[1], int value) /* what _FORTIFY_SOURCE calls */
{
	session_abandon();
	real.__longjmp_chk(env, value);
	__builtin_unreachable();
}
