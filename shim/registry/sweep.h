/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registry files whose program is gone: recognised and removed, by the shim and by the tools. */
#ifndef SLEEVE_REGISTRY_SWEEP_H
#define SLEEVE_REGISTRY_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A family is alive while any of its processes lives: they share the flock(2) that the file's
 * maker took.  Where the lock is free, a live slot whose process exists still counts (that process
 * has executed another program since), unless the machine has been restarted.
 *
 * Nothing here trusts the file, closes a descriptor or keeps errno.
 */

/* Does this process live, for all we can tell?  One that waits to be reaped does not. */
bool registry_process_exists(uint32_t pid);

/*
 * Removes `name` from the directory `dir` if it is what `fd` (O_RDONLY, of its own open) shows and
 * its family is dead: at once where nothing was refused, else REGISTRY_KEEP seconds after the
 * last refusal.  So is a file whose maker was killed before it was one.  Only files of the
 * effective user, or any as root.  Files of another version, and those with more than `most` slots
 * to look at, stay.  `boot_id` is this boot's (the content of /proc/sys/kernel/random/boot_id).
 * Takes a lock on fd, which ends when the caller closes it.
 */
bool registry_sweep(int dir, const char *name, int fd, const char *boot_id, uint32_t most);

#endif
