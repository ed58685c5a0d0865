/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Noticing that the policy or an identity file has changed on disk. */
#ifndef SLEEVE_POLICY_RELOAD_H
#define SLEEVE_POLICY_RELOAD_H

#include "policy/policy.h"

#include <stdbool.h>

/*
 * A watch remembers what the files looked like (device, inode, size, mtime and ctime in
 * nanoseconds, through every symbolic link) when they were last read.  Files are reached through
 * directory descriptors opened by policy_watch_new(), so a later chroot does not cut them off.
 * Not thread safe: callers hold one lock around a watch.
 */
struct policy_watch;

/* Takes note of `path`, of the files it includes and, if p is not NULL, of its identity files.
 * What p was read from counts as it was when it was read, so nothing that happened since is missed.
 * Where a reload fails because of an identity, a watch made of the new snapshot sees the missing
 * file arrive; the old watch would not know of it.  Absolute paths
 * begin at `root` (AT_FDCWD: at the root), which stays the caller's.  Directory descriptors are
 * opened O_PATH|O_CLOEXEC and moved at or above `lowest_fd`.  NULL when memory is out. */
struct policy_watch *policy_watch_new(const char *path, const struct policy *p, int root,
                                      int lowest_fd);
void policy_watch_free(struct policy_watch *w);

/* Has any of the files changed (or appeared, or gone) since the watch was made or last asked?
 * Costs one stat a file; the caller limits how often. */
bool policy_watch_changed(struct policy_watch *w);

/* Descriptor through which `path` (the policy or an identity file it was told of) can be opened
 * now, O_RDONLY|O_CLOEXEC|O_NONBLOCK; -1 with errno. */
int policy_watch_open(struct policy_watch *w, const char *path);

/* Directory descriptor of the policy's own folder, for policy_load(); -1 if it has none. */
int policy_watch_directory(const struct policy_watch *w);

/* Is fd one of the watch's own descriptors?  For the close family, which leaves them alone. */
bool policy_watch_owns(const struct policy_watch *w, int fd);

#endif
