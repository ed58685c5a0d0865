/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What programs that this one starts have to find in their environment to be sleeved. */
#ifndef SLEEVE_LIFE_ENVIRONMENT_H
#define SLEEVE_LIFE_ENVIRONMENT_H

#include <stddef.h>

/*
 * Where a rule has `inherit = true`, LD_PRELOAD and SLEEVE_* as this program was started with are
 * put into the environments it gives to others, unless they are there; an LD_PRELOAD without
 * Sleeve's library gets it as its last.
 *
 * Both functions allocate nothing and may be called between fork or vfork and exec.  The caller has
 * room for environment_room() pointers on its stack, in which environment_kept() makes what it
 * returns; room for one means that nothing is added, and `given` is returned.
 */
size_t environment_room(char *const given[]);
char *const *environment_kept(char *const given[], char **room, size_t size);

/* Declares `kept`: `given` with what has to be in it, on the caller's stack. */
#define ENVIRONMENT_KEPT(kept, given)                                                              \
	size_t kept##_size = environment_room(given);                                              \
	char *kept##_room[kept##_size];                                                            \
	char *const *kept = environment_kept(given, kept##_room, kept##_size)

/* Once, before main. */
void environment_start(char **environment);

#endif
