/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve policy explain: which rule speaks about a connection, and why the earlier ones do not. */
#ifndef SLEEVE_TOOLS_EXPLAIN_H
#define SLEEVE_TOOLS_EXPLAIN_H

/* argv[0] is "explain".  The exit status (tools/command.h); on EXIT_MISUSE the mistake is told, the
 * usage is not. */
int explain_run(int argc, char **argv);

/* $SLEEVE_POLICY, else where the policy is by default (tools/policy.c). */
const char *policy_default_path(void);

#endif
