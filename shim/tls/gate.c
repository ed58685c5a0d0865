/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping wolfSSL's own locks out of a forked child. */
#include "shim/tls/gate.h"

#include "shim/base/guard.h"

#include <pthread.h>
#include <stdbool.h>

/*
 * Not a pthread_rwlock_t: that knows its writer by thread id, and the thread that opens the gate in
 * the child has another.  While the gate is closed the lock itself is held.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned inside;
static bool closing; /* nobody else comes in, or a busy server could never fork */

void gate_enter(void)
{
	guard_enter();
	pthread_mutex_lock(&lock);
	while (closing)
		pthread_cond_wait(&changed, &lock);
	inside++;
	pthread_mutex_unlock(&lock);
}

void gate_leave(void)
{
	pthread_mutex_lock(&lock);
	if (--inside == 0 && closing)
		pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	guard_leave();
}

void gate_close(void)
{
	pthread_mutex_lock(&lock);
	closing = true;
	while (inside)
		pthread_cond_wait(&changed, &lock);
}

void gate_open(void)
{
	closing = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void gate_renew(void)
{
	changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	gate_open();
}
