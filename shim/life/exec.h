/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping sessions out of other images. */
#ifndef SLEEVE_LIFE_EXEC_H
#define SLEEVE_LIFE_EXEC_H

#include <stdbool.h>

/*
 * Between the two every number of a session has FD_CLOEXEC: a program started meanwhile, by libc
 * itself too (posix_spawn, system, popen), cannot touch one.  The second gives `result` back.
 * errno is kept.
 */
void exec_guard(void);
int exec_unguard(int result);

/* system(3) may take hours, and other threads go on.  Has fd FD_CLOEXEC only for that? */
bool exec_guarded(int fd);
/* The program says itself now what fd has, or ends it. */
void exec_guard_ended(int fd);
/* A fork's child starts nothing. */
void exec_forked(void);

#endif
