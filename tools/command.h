/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subcommands of sleeve: what each is given and what it answers. */
#ifndef SLEEVE_TOOLS_COMMAND_H
#define SLEEVE_TOOLS_COMMAND_H

/*
 * argv[0] is the subcommand's name, argv[argc] is NULL.  Results go to standard output, complaints
 * to standard error, "sleeve: " or "FILE:LINE: " in front.  The value is the exit status:
 */
enum { EXIT_FINE = 0, EXIT_FINDINGS = 1, EXIT_MISUSE = 2 };

int command_sessions(int argc, char **argv);
int command_show(int argc, char **argv);
int command_check(int argc, char **argv);
int command_policy(int argc, char **argv);
int command_version(int argc, char **argv);

#endif
