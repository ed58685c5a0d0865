/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry file of this family: made, mapped, given storage as it grows. */
#ifndef SLEEVE_REGISTRY_FILE_H
#define SLEEVE_REGISTRY_FILE_H

#include "shim/registry/layout.h"
#include "shim/registry/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct registry_file {
	struct registry_header *header;
	struct registry_counter *counters;
	struct registry_slot *slots;
	uint32_t slot_count;
	int fd;       /* holds the flock; at or above settings->lowest_fd where possible */
	dev_t device; /* what fd showed when the file was made */
	ino_t inode;
	char stem[24]; /* the file's name without its suffix; the first part of every id */
};

/*
 * Finds the run directory (sleeve(7)), removes a few files of the dead there, makes a new file and
 * maps it.  False where none can be made: `why` then says what was tried.  Not a
 * cancellation point.  Clobbers errno.
 */
bool registry_file_create(struct registry_file *file, const struct registry_settings *settings,
                          char *why, size_t size);

/*
 * Gives storage to the pages of [offset, offset + length).  A page of a sparse mapping that finds
 * the file system full when it is first touched kills the process (SIGBUS), so this comes first.
 */
bool registry_file_reserve(const struct registry_file *file, size_t offset, size_t length);

#endif
