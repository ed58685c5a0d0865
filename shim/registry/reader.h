/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry, as the tools read it: files that others wrote, believed in nothing. */
#ifndef SLEEVE_REGISTRY_READER_H
#define SLEEVE_REGISTRY_READER_H

#include "shim/registry/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The reader runs as root over files of any user.  It follows no link, reads regular files only,
 * by pread(2) (a file that shrinks under a mapping would kill it), bounds every number, and ends
 * every text with a NUL.  It does not judge what the texts say: whoever prints them escapes them.
 * A slot is copied under its sequence; where the writer never rests or has died inside, the copy
 * is marked torn.
 *
 * Allocates; not for use inside the shim.  Not thread safe.
 */

struct registry_family {
	char *path;  /* of the file */
	uid_t owner; /* of the file: the only thing here its writer cannot forge */
	bool alive;  /* a process of the family lives */
	struct registry_header header;     /* texts end; slot_count and used are within bounds */
	struct registry_counter *counters; /* in use, texts end */
	size_t counter_count;
};

struct registry_entry {
	struct registry_slot slot; /* texts end, enums are within bounds */
	const struct registry_family *family;
	off_t offset; /* of the slot in the file */
	bool live;    /* open, and a process that exists holds it */
	bool torn;    /* the copy may be half old, half new */
};

struct registry_view {
	struct registry_family **families;
	size_t family_count;
	struct registry_entry *entries; /* by file, then by time opened */
	size_t entry_count;
	char **troubles; /* one line each: what could not be read, and why */
	size_t trouble_count;
};

/*
 * Reads every registry file of `rundir`; where that is NULL, of all run directories the user may
 * look into: /run/sleeve, xdg_runtime_dir/sleeve (may be NULL), /tmp/sleeve-UID, and as root those
 * of all users.  Slots that were never used or are just being filled are left out.
 * Files of the dead that have been kept long enough are removed.  NULL only when memory is out; a
 * directory that is not there is no trouble unless it was named.
 */
struct registry_view *registry_read(const char *rundir, const char *xdg_runtime_dir);
void registry_view_free(struct registry_view *view); /* accepts NULL */

/* Reads one slot again.  False when it is gone, has another connection now, or is torn. */
bool registry_read_again(struct registry_entry *entry);

/* The words of the layout's enums; "?" for what is none. */
const char *registry_reason_name(unsigned reason);
const char *registry_verdict_name(unsigned verdict);
const char *registry_side_name(unsigned side);
const char *registry_engine_name(unsigned engine);

#endif
