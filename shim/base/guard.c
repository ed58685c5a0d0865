/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping the host's signals and cancellations out of a short stretch of ours. */
#include "shim/base/guard.h"

#include "shim/base/kernel.h"

#include <pthread.h>
#include <stdint.h>

static __thread unsigned depth;
static __thread int cancellation;
static __thread uint64_t mask; /* the kernel's form of it (rt_sigprocmask(2)) */

void guard_enter(void)
{
	if (depth++)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
	mask = kernel_signal_mask(~(uint64_t)0);
}

void guard_leave(void)
{
	if (--depth)
		return;
	kernel_signal_mask(mask);
	pthread_setcancelstate(cancellation, NULL);
}
