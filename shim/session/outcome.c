/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the layers below the doors say what happened, and the one place that turns it into errno. */
#include "shim/session/outcome.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static int errno_of(ssize_t outcome)
{
	switch (outcome) {
	case OUTCOME_AGAIN:
		return EAGAIN;
	case OUTCOME_RESET:
		return ECONNRESET;
	case OUTCOME_PIPE:
		return EPIPE;
	case OUTCOME_INTERRUPTED:
		return EINTR;
	case OUTCOME_NOT_SUPPORTED:
		return EOPNOTSUPP;
	case OUTCOME_NOT_CONNECTED:
		return ENOTCONN;
	case OUTCOME_NO_MEMORY:
		return ENOMEM;
	case OUTCOME_BAD_DESCRIPTOR:
		return EBADF;
	default:
		return outcome <= OUTCOME_ERRNO ? (int)(OUTCOME_ERRNO - outcome) : EIO;
	}
}

ssize_t outcome_report(ssize_t outcome, bool no_signal)
{
	if (outcome >= 0)
		return outcome;
	if (outcome == OUTCOME_PIPE && !no_signal)
		pthread_kill(pthread_self(), SIGPIPE);
	errno = errno_of(outcome);
	return -1;
}
