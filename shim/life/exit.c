/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the exit family: goodbye where the program does not close. */
#include "shim/life/door.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void leave(bool flushes)
{
	descriptor_all_ending();
	carrier_last_exit(flushes);
}

static void leave_quickly(void)
{
	leave(false);
}

/* exit(3) and return from main come here last of all destructors that matter to us.  Streams are
 * flushed after it. */
__attribute__((destructor)) static void at_exit(void)
{
	leave(true);
}

/* quick_exit(3): who is the first to ask is the last to be called, behind the program's. */
__attribute__((constructor)) static void start(void)
{
	at_quick_exit(leave_quickly);
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

/* What a handler of the program says is said before. */
static void let_handle(void)
{
	struct sigaction action;
	sigset_t abort_only;
	if (sigaction(SIGABRT, NULL, &action) < 0 || action.sa_handler == SIG_DFL ||
	    action.sa_handler == SIG_IGN)
		return;
	sigemptyset(&abort_only);
	sigaddset(&abort_only, SIGABRT);
	pthread_sigmask(SIG_UNBLOCK, &abort_only, NULL);
	raise(SIGABRT);
}

/* abort(3): its handler may jump away, and then it was not the end. */
DOOR void abort(void)
{
	let_handle();
	leave(false);
	sigaction(SIGABRT, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	real.abort();
	__builtin_unreachable();
}
