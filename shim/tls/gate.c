/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping wolfSSL's own locks out of a forked child. */
#include "shim/tls/gate.h"

#include "shim/base/guard.h"

#include <pthread.h>

/* Writers first: a server that shakes hands all the time must still be able to fork. */
#define FRESH PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
static pthread_rwlock_t gate = FRESH;

void gate_enter(void)
{
	guard_enter();
	pthread_rwlock_rdlock(&gate);
}

void gate_leave(void)
{
	pthread_rwlock_unlock(&gate);
	guard_leave();
}

void gate_close(void)
{
	pthread_rwlock_wrlock(&gate);
}

void gate_open(void)
{
	pthread_rwlock_unlock(&gate);
}

void gate_renew(void)
{
	gate = (pthread_rwlock_t)FRESH;
}
