/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the layers below the doors say what happened, and the one place that turns it into errno. */
#ifndef SLEEVE_SESSION_OUTCOME_H
#define SLEEVE_SESSION_OUTCOME_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Functions that move bytes return a count, 0 for the end of the stream, or one of these.  Only
 * outcome_report() writes errno.
 */
enum outcome {
	OUTCOME_AGAIN = -1,     /* nothing now */
	OUTCOME_RESET = -2,     /* the connection has failed */
	OUTCOME_PIPE = -3,      /* writing after our end was closed, or after a failure was told */
	OUTCOME_GONE = -4,      /* not a session any more: ask the kernel */
	OUTCOME_INTERRUPTED = -5,
	OUTCOME_NOT_SUPPORTED = -6,
	OUTCOME_NOT_CONNECTED = -7,
	OUTCOME_NO_MEMORY = -8,
	OUTCOME_REFUSED = -9,   /* a number we have taken out of service: EIO */
	OUTCOME_BAD_DESCRIPTOR = -10,
	OUTCOME_END = -11,      /* the end of the stream; the doors say 0 */
	OUTCOME_ERRNO = -4096,  /* OUTCOME_ERRNO - e: that errno, from the kernel */
};

/* A count goes through untouched, and so does errno; the rest becomes -1 with errno.  EPIPE
 * raises SIGPIPE in this thread, as send(2) does, unless told not to. */
ssize_t outcome_report(ssize_t outcome, bool no_signal);

#endif
