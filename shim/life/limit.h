/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that forbid themselves to fork, and carriers all the same. */
#ifndef SLEEVE_LIFE_LIMIT_H
#define SLEEVE_LIFE_LIMIT_H

#include <stdbool.h>
#include <sys/resource.h>

/*
 * RLIMIT_NPROC that a program lowers for good, without being root, would leave Sleeve no carriers.
 * Where a rule concerns it, the kernel is given the soft limit only, as low; the hard one is kept
 * where it was until the program starts another.  The program sees what it has set.
 *
 * The first lifts the soft limit for a fork of ours and says what it was; the second puts that
 * back, in the child with the hard limit.  The caller sees to it that one thread at a time does.
 */
struct rlimit64 limit_lift(void);
void limit_lower(struct rlimit64 before, bool child);

/* A program is about to be started: the hard limit becomes true. */
void limit_settle(void);

#endif
