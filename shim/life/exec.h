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

/* system(3) may take hours, and other threads go on.  Has fd FD_CLOEXEC only for that?  Or has the
 * program set it? */
bool exec_guarded(int fd);
bool exec_closes(int fd);
/* The program says itself now whether fd has it, or ends fd. */
void exec_settled(int fd);

/* fd was put there by dup2(2), or has lost FD_CLOEXEC: if it is a session, it is for the program
 * that this process may become, whoever else has it. */
void exec_give(int fd);

/* A fork's child starts nothing, and has been given nothing. */
void exec_forked(void);

#endif
