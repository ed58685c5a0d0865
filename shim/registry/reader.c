/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry, as the tools read it: files that others wrote, believed in nothing. */
#include "shim/registry/reader.h"

#include "shim/registry/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A user can make as many files and slots as he likes; the reader's memory ends here. */
#define MAX_FAMILIES 4096
#define MAX_ENTRIES  (1 << 17)
#define MAX_TROUBLES 64

/* ---- words -------------------------------------------------------------------------------- */

static const char *const reasons[] = {
#define X(name, text) [REGISTRY_##name] = text,
	REGISTRY_REASONS(X)
#undef X
};

static const char *const verdicts[] = {
	[REGISTRY_TLS] = "tls",
	[REGISTRY_PLAINTEXT] = "plaintext",
	[REGISTRY_PENDING] = "pending",
	[REGISTRY_REFUSED] = "refused",
};

const char *registry_reason_name(unsigned reason)
{
	return reason < REGISTRY_REASON_COUNT ? reasons[reason] : "?";
}

const char *registry_verdict_name(unsigned verdict)
{
	return verdict <= REGISTRY_REFUSED ? verdicts[verdict] : "?";
}

const char *registry_side_name(unsigned side)
{
	return side == REGISTRY_CONNECT ? "connect" : side == REGISTRY_ACCEPT ? "accept" : "?";
}

const char *registry_engine_name(unsigned engine)
{
	return engine == REGISTRY_INLINE ? "inline" : engine == REGISTRY_CARRIER ? "carrier" : "?";
}

/* ---- the growing view --------------------------------------------------------------------- */

/* Makes room for one more element in a list that grows by doubling; false when memory is out. */
static bool room(void **list, size_t count, size_t size)
{
	if (count & (count - 1) && count) /* not a power of two: there is room */
		return true;
	void *grown = realloc(*list, (count ? 2 * count : 1) * size);
	if (grown)
		*list = grown;
	return grown != NULL;
}

__attribute__((format(printf, 2, 3))) static void trouble(struct registry_view *view,
                                                          const char *format, ...)
{
	char *text;
	va_list arguments;

	if (view->trouble_count >= MAX_TROUBLES ||
	    !room((void **)&view->troubles, view->trouble_count, sizeof *view->troubles))
		return;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length >= 0)
		view->troubles[view->trouble_count++] = text;
}

static void family_free(struct registry_family *family)
{
	if (!family)
		return;
	free(family->path);
	free(family->counters);
	free(family);
}

void registry_view_free(struct registry_view *view)
{
	if (!view)
		return;
	for (size_t n = 0; n < view->family_count; n++)
		family_free(view->families[n]);
	for (size_t n = 0; n < view->trouble_count; n++)
		free(view->troubles[n]);
	free(view->families);
	free(view->entries);
	free(view->troubles);
	free(view);
}

/* ---- one slot ----------------------------------------------------------------------------- */

static bool read_at(int fd, void *to, size_t size, off_t offset)
{
	return pread(fd, to, size, offset) == (ssize_t)size;
}

#define END(text) ((text)[sizeof(text) - 1] = '\0')

static void tame(struct registry_slot *slot)
{
	END(slot->id);
	END(slot->state);
	END(slot->mode);
	END(slot->tls);
	END(slot->cipher);
	END(slot->group);
	END(slot->rule);
	END(slot->peer);
}

/*
 * The sequence before, the slot, the sequence after.  Each is a system call of its own, so the
 * three happen in this order.  Returns false where the file ends or the slot holds nothing.
 */
static bool read_slot(int fd, off_t offset, struct registry_slot *slot, bool *torn)
{
	off_t at = offset + (off_t)offsetof(struct registry_slot, sequence);

	*torn = true;
	for (int tries = 0; tries < 100 && *torn; tries++) {
		uint32_t before, after;
		if (!read_at(fd, &before, sizeof before, at) ||
		    !read_at(fd, slot, sizeof *slot, offset) ||
		    !read_at(fd, &after, sizeof after, at))
			return false;
		if (slot->live != REGISTRY_LIVE && slot->live != REGISTRY_CLOSED)
			return false;
		*torn = before != after || before & 1;
		if (*torn)
			sched_yield();
	}
	tame(slot);
	return true;
}

bool registry_read_again(struct registry_entry *entry)
{
	struct registry_slot slot;
	struct stat st;
	bool torn;
	int fd = open(entry->family->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool same = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == entry->family->owner &&
	            read_slot(fd, entry->offset, &slot, &torn) && !torn &&
	            strcmp(slot.id, entry->slot.id) == 0;
	close(fd);
	if (same)
		entry->slot = slot;
	return same;
}

/* ---- one file ----------------------------------------------------------------------------- */

/* The pids of another namespace say nothing here; then the lock alone decides. */
static bool pids_are_ours(const struct registry_header *header)
{
	struct stat st;

	return !header->pid_namespace || stat("/proc/self/ns/pid", &st) ||
	       header->pid_namespace == st.st_ino;
}

static bool read_slots(struct registry_view *view, int fd, const struct registry_family *family)
{
	bool known = pids_are_ours(&family->header);

	for (uint32_t n = 0; n < family->header.used; n++) {
		struct registry_entry entry = {.family = family};
		entry.offset = REGISTRY_SLOTS_OFFSET + (off_t)n * (off_t)sizeof entry.slot;
		if (!read_slot(fd, entry.offset, &entry.slot, &entry.torn))
			continue;
		if (view->entry_count == MAX_ENTRIES) {
			trouble(view, "%s: more than %d connections in all; the rest is left out",
			        family->path, MAX_ENTRIES);
			return true;
		}
		entry.live = entry.slot.live == REGISTRY_LIVE && family->alive &&
		             (!known || registry_process_exists(entry.slot.pid));
		if (!room((void **)&view->entries, view->entry_count, sizeof entry))
			return false;
		view->entries[view->entry_count++] = entry;
	}
	return true;
}

/* Two processes that claim a row for one outcome at the same time leave two. */
static void add_counter(struct registry_family *family, const struct registry_counter *row)
{
	for (size_t n = 0; n < family->counter_count; n++) {
		struct registry_counter *known = &family->counters[n];
		if (known->verdict == row->verdict && known->reason == row->reason &&
		    !strcmp(known->rule, row->rule)) {
			known->count += row->count;
			return;
		}
	}
	family->counters[family->counter_count++] = *row;
}

static bool read_counters(int fd, struct registry_family *family)
{
	family->counters = calloc(REGISTRY_COUNTERS, sizeof *family->counters);
	if (!family->counters)
		return false;
	for (int n = 0; n < REGISTRY_COUNTERS; n++) {
		struct registry_counter row;
		if (!read_at(fd, &row, sizeof row,
		             REGISTRY_COUNTERS_OFFSET + n * (off_t)sizeof row))
			break;
		END(row.rule);
		if (row.state == 2)
			add_counter(family, &row);
	}
	return true;
}

/* Fills family->header; says why not where it cannot. */
static const char *read_header(int fd, off_t size, struct registry_family *family)
{
	struct registry_header *header = &family->header;

	if (!read_at(fd, header, sizeof *header, 0))
		return "too short for a registry file";
	if (memcmp(header->magic, REGISTRY_MAGIC, sizeof header->magic) != 0)
		return "not a registry file";
	if (header->version != REGISTRY_VERSION ||
	    header->slot_size != sizeof(struct registry_slot))
		return "of another version of sleeve; use the sleeve that came with its library";
	off_t slots = (size - REGISTRY_SLOTS_OFFSET) / (off_t)sizeof(struct registry_slot);
	slots = slots < 0 ? 0 : slots > REGISTRY_SLOTS ? REGISTRY_SLOTS : slots;
	if (header->slot_count > (uint32_t)slots)
		header->slot_count = (uint32_t)slots;
	if (header->used > header->slot_count)
		header->used = header->slot_count;
	END(header->boot_id);
	END(header->service);
	END(header->program);
	return NULL;
}

/* The maker's lock is exclusive; a shared one is asked for so that two readers do not see each
 * other as the family. */
static bool is_locked(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB))
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

static bool add_family(struct registry_view *view, int fd, const struct stat *st,
                       struct registry_family *family)
{
	const char *wrong = read_header(fd, st->st_size, family);

	if (wrong) {
		bool being_made = !family->header.magic[0] && (!st->st_size || is_locked(fd));
		if (!being_made)
			trouble(view, "%s: %s", family->path, wrong);
		family_free(family);
		return true;
	}
	family->owner = st->st_uid;
	family->alive = is_locked(fd);
	if (!read_counters(fd, family) ||
	    !room((void **)&view->families, view->family_count, sizeof *view->families)) {
		family_free(family);
		return false;
	}
	view->families[view->family_count++] = family;
	return read_slots(view, fd, family);
}

static bool read_file(struct registry_view *view, int dir, const char *folder, const char *name,
                      const char *boot_id)
{
	struct registry_family *family = calloc(1, sizeof *family);
	struct stat st;

	if (!family || asprintf(&family->path, "%s/%s", folder, name) < 0) {
		free(family);
		return false;
	}
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool regular = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
	bool good = true;
	if (regular && registry_sweep(dir, name, fd, boot_id, REGISTRY_SLOTS)) {
		family_free(family);
	} else if (regular) {
		good = add_family(view, fd, &st, family);
	} else {
		if (fd >= 0 || errno != ENOENT) /* else swept by another reader */
			trouble(view, "%s: %s", family->path,
			        fd >= 0          ? "not a regular file"
			        : errno == ELOOP ? "a symbolic link; not followed"
			                         : strerror(errno));
		family_free(family);
	}
	if (fd >= 0)
		close(fd);
	return good;
}

/* ---- directories -------------------------------------------------------------------------- */

static void read_boot_id(char id[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(id, 0, 40);
	if (fd < 0)
		return;
	if (read(fd, id, 39) < 0)
		id[0] = '\0';
	id[strcspn(id, "\n")] = '\0';
	close(fd);
}

static bool is_registry_name(const char *name)
{
	size_t length = strlen(name), suffix = strlen(REGISTRY_SUFFIX);

	return length > suffix && strcmp(name + length - suffix, REGISTRY_SUFFIX) == 0;
}

static bool read_directory(struct registry_view *view, const char *path, bool named)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (named ? 0 : O_NOFOLLOW);
	int dir = open(path, flags);
	DIR *stream = dir < 0 ? NULL : fdopendir(dir);
	struct dirent *entry;
	char boot_id[40];
	bool good = true;

	if (!stream) {
		if (named || (errno != ENOENT && errno != EACCES))
			trouble(view, "%s: %s", path, strerror(errno));
		if (dir >= 0)
			close(dir);
		return true;
	}
	read_boot_id(boot_id);
	while (good && (entry = readdir(stream))) {
		if (!is_registry_name(entry->d_name))
			continue;
		if (view->family_count >= MAX_FAMILIES) {
			trouble(view,
			        "%s: more than %d registry files in all; the rest is left out",
			        path, MAX_FAMILIES);
			break;
		}
		good = read_file(view, dir, path, entry->d_name, boot_id);
	}
	closedir(stream);
	return good;
}

static bool read_pattern(struct registry_view *view, const char *pattern)
{
	glob_t found;
	bool good = true;

	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return true;
	for (size_t n = 0; n < found.gl_pathc && good; n++)
		good = read_directory(view, found.gl_pathv[n], false);
	globfree(&found);
	return good;
}

static bool read_default(struct registry_view *view, const char *xdg_runtime_dir)
{
	char path[512];

	if (!read_directory(view, "/run/sleeve", false))
		return false;
	bool all = !geteuid();
	if (all && (!read_pattern(view, "/run/user/*/sleeve") ||
	            !read_pattern(view, "/tmp/sleeve-[0-9]*")))
		return false;
	bool seen = all && xdg_runtime_dir && !strncmp(xdg_runtime_dir, "/run/user/", 10);
	if (xdg_runtime_dir && *xdg_runtime_dir == '/' && !seen) {
		snprintf(path, sizeof path, "%s/sleeve", xdg_runtime_dir);
		if (!read_directory(view, path, false))
			return false;
	}
	if (all)
		return true;
	snprintf(path, sizeof path, "/tmp/sleeve-%u", (unsigned)geteuid());
	return read_directory(view, path, false);
}

static int by_file_and_time(const void *a, const void *b)
{
	const struct registry_entry *x = a, *y = b;
	int file = x->family == y->family ? 0 : strcmp(x->family->path, y->family->path);

	return file ? file : (x->slot.opened > y->slot.opened) - (x->slot.opened < y->slot.opened);
}

struct registry_view *registry_read(const char *rundir, const char *xdg_runtime_dir)
{
	struct registry_view *view = calloc(1, sizeof *view);

	if (!view)
		return NULL;
	bool good =
		rundir ? read_directory(view, rundir, true) : read_default(view, xdg_runtime_dir);
	if (!good) {
		registry_view_free(view);
		return NULL;
	}
	if (view->entry_count)
		qsort(view->entries, view->entry_count, sizeof *view->entries, by_file_and_time);
	return view;
}
