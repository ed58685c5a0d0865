/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a policy: its files, read through descriptors and joined into one. */
#ifndef SLEEVE_POLICY_SOURCE_H
#define SLEEVE_POLICY_SOURCE_H

#include "policy/policy.h"
#include "policy/storage.h"

/* What a file looked like; two equal stamps mean that nobody wrote to it in between. */
struct source_stamp {
	uint64_t device, inode;
	int64_t size, modified, changed; /* times in nanoseconds */
	bool there;
};

struct stat;
struct source_stamp source_stamp_of(const struct stat *st);
bool source_stamp_equal(struct source_stamp a, struct source_stamp b);

/* One file that went into a policy; policy->files is an array of these, the policy itself first. */
struct policy_source {
	const char *path; /* as named by the user; of an @include: joined to the policy's folder */
	struct source_stamp stamp;
};

enum { SOURCE_FILES_MAX = 64 };

struct source {
	char *text; /* what the parser reads; free with source_clear() */
	size_t length, room;
	struct source_line { const char *file; int line; } *lines; /* of each line of text */
	size_t line_count, line_room;
	const struct policy_source *files; /* in storage */
	size_t file_count;
};

/*
 * Reads `path` and what it includes.  Through dirfd where that is not -1, as policy_load() says.
 * @include is done here and not by libconfig, so that a chroot is survived and each file is known;
 * comments are taken out, and [ ] are written as ( ), for libconfig lets only the latter hold
 * values of several types.  Brackets, strings and numbers are checked, because here it is known
 * where they began.  False when an error was reported.
 */
bool source_read(struct source *s, const char *path, int dirfd, struct storage *storage,
                 struct policy_findings *findings);
void source_clear(struct source *s);

/* Where the line of text comes from. */
struct source_line source_where(const struct source *s, unsigned line);

/* `name` joined to the folder of `path`, in storage; NULL when memory is out. */
const char *source_join(struct storage *storage, const char *path, const char *name);

#endif
