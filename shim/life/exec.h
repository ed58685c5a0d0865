/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping sessions out of other images. */
#ifndef SLEEVE_LIFE_EXEC_H
#define SLEEVE_LIFE_EXEC_H

/*
 * Between the two every number of a session has FD_CLOEXEC: a program started meanwhile, by libc
 * itself too (posix_spawn, system, popen), cannot touch one.  The second gives `result` back.
 * errno is kept.
 */
void exec_guard(void);
int exec_unguard(int result);

#endif
