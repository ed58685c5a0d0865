/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registry files whose program is gone: recognised and removed, by the shim and by the tools. */
#include "shim/registry/sweep.h"

#include "shim/registry/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A process that is dead and not waited for yet has no executable any more. */
static bool is_zombie(uint32_t pid)
{
	char path[32], target[2];

	snprintf(path, sizeof path, "/proc/%u/exe", (unsigned)pid);
	return readlink(path, target, sizeof target) < 0 && errno == ENOENT &&
	       readlink("/proc/self/exe", target, sizeof target) > 0; /* else /proc is not there */
}

bool registry_process_exists(uint32_t pid)
{
	if (!pid || pid > INT32_MAX || (kill((pid_t)pid, 0) && errno == ESRCH))
		return false;
	return !is_zombie(pid);
}

/* Does a live slot name a process that exists?  An unreadable slot counts as one that does. */
static bool held(int fd, const struct registry_header *header)
{
	for (uint32_t n = 0; n < header->used && n < header->slot_count; n++) {
		struct registry_slot slot;
		off_t at = REGISTRY_SLOTS_OFFSET + (off_t)n * (off_t)sizeof slot;

		if (pread(fd, &slot, sizeof slot, at) != sizeof slot)
			return true;
		if (slot.live == REGISTRY_LIVE && registry_process_exists(slot.pid))
			return true;
	}
	return false;
}

/*
 * A maker that was killed before the file was one (registry/file.c): it locks the file as soon as
 * it has made it, gives it its size then, and its magic last.
 */
static bool abandoned(int fd, const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!st->st_size && now.tv_sec < st->st_ctime + REGISTRY_KEEP)
		return false;
	return !flock(fd, LOCK_EX | LOCK_NB);
}

static bool dead(int fd, const struct stat *st, const char *boot_id, uint32_t most)
{
	static const char none[sizeof ((struct registry_header *)NULL)->magic];
	struct registry_header header = {0};
	struct timespec now;

	ssize_t got = pread(fd, &header, sizeof header, 0);
	if (got >= 0 && !memcmp(header.magic, none, sizeof none))
		return abandoned(fd, st);
	if (got != sizeof header ||
	    memcmp(header.magic, REGISTRY_MAGIC, sizeof header.magic) != 0 ||
	    header.version != REGISTRY_VERSION || header.slot_size != sizeof(struct registry_slot))
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t kept_until = header.last_refused / 1000000000 + REGISTRY_KEEP;
	if (header.last_refused && now.tv_sec < kept_until &&
	    kept_until <= now.tv_sec + 2 * REGISTRY_KEEP) /* else the clock or the file is wrong */
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return false;
	if (strncmp(header.boot_id, boot_id, sizeof header.boot_id) != 0)
		return true; /* the process ids are of another boot */
	return header.used <= most && !held(fd, &header);
}

bool registry_sweep(int dir, const char *name, int fd, const char *boot_id, uint32_t most)
{
	struct stat opened, named;
	uid_t user = geteuid();

	if (fstat(fd, &opened) || !S_ISREG(opened.st_mode) || (user && opened.st_uid != user))
		return false;
	if (!dead(fd, &opened, boot_id, most))
		return false;
	/* The name may have been taken by another file since it was opened. */
	if (fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) || named.st_dev != opened.st_dev ||
	    named.st_ino != opened.st_ino)
		return false;
	return unlinkat(dir, name, 0) == 0;
}
