/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fork(2) means for sessions. */
#ifndef SLEEVE_LIFE_FORK_H
#define SLEEVE_LIFE_FORK_H

/* Registers the handlers (pthread_atfork(3)); every fork of libc runs them, daemon(3) too. */
void fork_start(void);

#endif
