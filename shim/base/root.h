/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths from the root that the program was started in, whatever chroot(2) has done since. */
#ifndef SLEEVE_BASE_ROOT_H
#define SLEEVE_BASE_ROOT_H

#include <stdbool.h>

/* Once, at start.  The descriptor it keeps is at or above `lowest` where possible. */
void root_begin(int lowest);

/* For openat(2) and its like: the directory that *path begins at, which is absolute and loses its
 * slashes; AT_FDCWD, and *path as it is, where it is not or the root is lost.  Clobbers errno. */
int root_of(const char **path);

bool root_owns(int fd);

#endif
