/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Noticing that the policy or an identity file has changed on disk. */
#include "policy/reload.h"
#include "policy/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Each file is asked for twice over: by its whole path from the root the program started with, so
 * that a symbolic link that was swapped anywhere on the way is seen, and where that fails (its
 * ancestors closed to us after privileges were dropped) by its name in the folder's descriptor.
 */
struct folder {
	const char *path; /* absolute, "/" at the end */
	int fd;           /* -1: could not be opened */
	struct source_stamp stamp;
};

struct watched {
	const char *told;   /* as the caller names it */
	const char *path;   /* absolute */
	struct folder *folder;
	struct source_stamp stamp;
};

struct policy_watch {
	struct storage *storage;
	int root, lowest_fd;
	struct watched *files; /* the policy first */
	struct folder *folders;
	size_t file_count, folder_count, most;
};

/* ---- descriptors -------------------------------------------------------------------------- */

/* Out of the way of the program's own numbers; where there is no room up there, as it is. */
static int move_up(int fd, int lowest)
{
	if (fd < 0 || fd >= lowest)
		return fd;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
	if (moved < 0)
		return fd;
	close(fd);
	return moved;
}

static const char *below_root(const char *path)
{
	path += strspn(path, "/");
	return *path ? path : ".";
}

static int open_from(int root, const char *path, int flags)
{
	return openat(root, root == AT_FDCWD ? path : below_root(path), flags);
}

static bool stat_from(int root, const char *path, struct source_stamp *stamp)
{
	struct stat st;
	bool good = !fstatat(root, root == AT_FDCWD ? path : below_root(path), &st, 0);
	if (good)
		*stamp = source_stamp_of(&st);
	return good;
}

static const char *base_name(const struct watched *file)
{
	return file->path + strlen(file->folder->path);
}

static struct source_stamp look(const struct policy_watch *w, const struct watched *file)
{
	struct source_stamp stamp = { 0 };
	struct stat st;
	if (stat_from(w->root, file->path, &stamp))
		return stamp;
	if (file->folder->fd != -1 && !fstatat(file->folder->fd, base_name(file), &st, 0))
		return source_stamp_of(&st);
	return (struct source_stamp){ 0 };
}

/* A folder that now is another one (a link to it was swapped) is opened anew. */
static void refresh(const struct policy_watch *w, struct folder *folder)
{
	struct source_stamp now;
	if (!stat_from(w->root, folder->path, &now))
		return;
	bool same = now.device == folder->stamp.device && now.inode == folder->stamp.inode;
	if (folder->fd != -1 && same)
		return;
	int fd = open_from(w->root, folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	int old = folder->fd;
	folder->fd = move_up(fd, w->lowest_fd);
	folder->stamp = now;
	if (old != -1)
		close(old);
}

/* ---- making a watch ----------------------------------------------------------------------- */

static const char *absolute(struct policy_watch *w, const char *path)
{
	char cwd[4096];
	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd) - 1))
		return storage_text(w->storage, path, strlen(path));
	size_t length = strlen(cwd);
	cwd[length++] = '/';
	cwd[length] = '\0';
	return source_join(w->storage, cwd, path);
}

static struct folder *find_folder(struct policy_watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) + 1 : 0;
	for (size_t i = 0; i < w->folder_count; i++)
		if (strlen(w->folders[i].path) == length &&
		    !strncmp(w->folders[i].path, path, length))
			return &w->folders[i];
	struct folder *folder = &w->folders[w->folder_count];
	folder->path = storage_text(w->storage, path, length);
	folder->fd = -1;
	if (!folder->path)
		return NULL;
	w->folder_count++;
	refresh(w, folder);
	return folder;
}

/* Remembers the file as it was when it was read, or, without a stamp, as it is now. */
static bool add(struct policy_watch *w, const char *told, const struct source_stamp *stamp)
{
	struct watched *file = &w->files[w->file_count];
	file->told = storage_text(w->storage, told, strlen(told));
	file->path = absolute(w, told);
	file->folder = file->told && file->path ? find_folder(w, file->path) : NULL;
	if (!file->folder)
		return false;
	file->stamp = stamp ? *stamp : look(w, file);
	w->file_count++;
	return true;
}

static bool add_identities(struct policy_watch *w, const struct policy *p)
{
	for (size_t i = 0; i < p->identity_count; i++) {
		const struct policy_identity *one = &p->identities[i];
		if (!add(w, one->certificate, NULL) || !add(w, one->key, NULL) ||
		    !add(w, one->trust, NULL) || (one->crl && !add(w, one->crl, NULL)))
			return false;
	}
	return true;
}

static bool is_told(const struct policy_watch *w, const char *path)
{
	for (size_t i = 0; i < w->file_count; i++)
		if (!strcmp(w->files[i].told, path))
			return true;
	return false;
}

/* A policy that does not load has includes too, and the mistake may be in one of them. */
static bool add_includes(struct policy_watch *w)
{
	struct policy_findings findings = { 0 };
	struct source source;
	source_read(&source, w->files[0].told, policy_watch_directory(w), w->storage, &findings);
	bool good = true;
	for (size_t i = 1; i < source.file_count && good; i++)
		if (!is_told(w, source.files[i].path) && w->file_count < w->most)
			good = add(w, source.files[i].path, &source.files[i].stamp);
	source_clear(&source);
	policy_findings_clear(&findings);
	return good;
}

static bool add_all(struct policy_watch *w, const char *path, const struct policy *p)
{
	if (!p)
		return add(w, path, NULL) && add_includes(w);
	for (size_t i = 0; i < p->file_count; i++)
		if (!add(w, p->files[i].path, &p->files[i].stamp))
			return false;
	return add_identities(w, p);
}

struct policy_watch *policy_watch_new(const char *path, const struct policy *p, int root,
                                      int lowest_fd)
{
	struct policy_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->most = 2 * SOURCE_FILES_MAX + (p ? 4 * p->identity_count : 0);
	w->storage = storage_new();
	w->lowest_fd = lowest_fd;
	w->root = root;
	if (w->storage) {
		w->files = storage_get(w->storage, w->most * sizeof(*w->files));
		w->folders = storage_get(w->storage, w->most * sizeof(*w->folders));
	}
	if (!w->files || !w->folders || !add_all(w, path, p)) {
		policy_watch_free(w);
		return NULL;
	}
	return w;
}

void policy_watch_free(struct policy_watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->folder_count; i++)
		if (w->folders[i].fd != -1)
			close(w->folders[i].fd);
	storage_free(w->storage);
	free(w);
}

/* ---- using it ----------------------------------------------------------------------------- */

bool policy_watch_changed(struct policy_watch *w)
{
	bool changed = false;
	for (size_t i = 0; i < w->folder_count; i++)
		refresh(w, &w->folders[i]);
	for (size_t i = 0; i < w->file_count; i++) {
		struct source_stamp now = look(w, &w->files[i]);
		if (source_stamp_equal(now, w->files[i].stamp))
			continue;
		w->files[i].stamp = now;
		changed = true;
	}
	if (changed)
		add_includes(w);
	return changed;
}

int policy_watch_open(struct policy_watch *w, const char *path)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	for (size_t i = 0; i < w->file_count; i++) {
		const struct watched *file = &w->files[i];
		if (strcmp(file->told, path) != 0)
			continue;
		int fd = open_from(w->root, file->path, flags);
		if (fd < 0 && file->folder->fd != -1)
			fd = openat(file->folder->fd, base_name(file), flags);
		return fd;
	}
	errno = ENOENT;
	return -1;
}

int policy_watch_directory(const struct policy_watch *w)
{
	return w->file_count ? w->files[0].folder->fd : -1;
}

bool policy_watch_owns(const struct policy_watch *w, int fd)
{
	if (fd < 0)
		return false;
	for (size_t i = 0; i < w->folder_count; i++)
		if (w->folders[i].fd == fd)
			return true;
	return false;
}
