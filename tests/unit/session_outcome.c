/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one place that makes an errno. */
#include "shim/session/outcome.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

TestSuite(session_outcome);

Test(session_outcome, a_count_leaves_errno_alone)
{
	errno = 77;
	cr_expect_eq(outcome_report(0, true), 0);
	cr_expect_eq(outcome_report(1 << 30, false), 1 << 30);
	cr_expect_eq(errno, 77);
}

Test(session_outcome, each_has_its_errno)
{
	static const struct {
		ssize_t outcome;
		int error;
	} cases[] = {
		{OUTCOME_AGAIN, EAGAIN},
		{OUTCOME_RESET, ECONNRESET},
		{OUTCOME_PIPE, EPIPE},
		{OUTCOME_INTERRUPTED, EINTR},
		{OUTCOME_NOT_SUPPORTED, EOPNOTSUPP},
		{OUTCOME_NOT_CONNECTED, ENOTCONN},
		{OUTCOME_NO_MEMORY, ENOMEM},
		{OUTCOME_REFUSED, EIO},
		{OUTCOME_BAD_DESCRIPTOR, EBADF},
		{OUTCOME_ERRNO - ECONNREFUSED, ECONNREFUSED},
		{OUTCOME_ERRNO - EHOSTUNREACH, EHOSTUNREACH},
		{-500, EIO},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		errno = 0;
		cr_expect_eq(outcome_report(cases[i].outcome, true), -1);
		cr_expect_eq(errno, cases[i].error, "outcome %zd is errno %d, not %d",
		             cases[i].outcome, cases[i].error, errno);
	}
}

static volatile sig_atomic_t pipes;

static void count_pipe(int number)
{
	(void)number;
	pipes++;
}

Test(session_outcome, a_broken_pipe_signals_unless_told_not_to)
{
	signal(SIGPIPE, count_pipe);
	outcome_report(OUTCOME_PIPE, true);
	cr_expect_eq(pipes, 0);
	outcome_report(OUTCOME_RESET, false);
	cr_expect_eq(pipes, 0);
	cr_expect_eq(outcome_report(OUTCOME_PIPE, false), -1);
	cr_expect_eq(pipes, 1);
	cr_expect_eq(errno, EPIPE);
}
