/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a policy: its files, read through descriptors and joined into one. */
#include "policy/source.h"
#include "policy/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, PATH_LENGTH_MAX = 4096 };

struct source_stamp source_stamp_of(const struct stat *st)
{
	return (struct source_stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = st->st_size,
		.modified = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.changed = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
		.there = true,
	};
}

bool source_stamp_equal(struct source_stamp a, struct source_stamp b)
{
	return a.there == b.there && a.device == b.device && a.inode == b.inode &&
	       a.size == b.size && a.modified == b.modified && a.changed == b.changed;
}

const char *source_join(struct storage *storage, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	size_t folder = slash && name[0] != '/' ? (size_t)(slash - path) + 1 : 0;
	size_t length = strlen(name);
	char *joined = storage_get(storage, folder + length + 1);
	if (!joined)
		return NULL;
	memcpy(joined, path, folder);
	memcpy(joined + folder, name, length);
	return joined;
}

/* Reads until the end of the file; NULL with errno.  Ends in a NUL that is not counted. */
static char *read_all(int fd, size_t size, size_t *length)
{
	char *text = malloc(size + 1);
	if (!text)
		return NULL;
	for (*length = 0; *length < size;) {
		ssize_t n = read(fd, text + *length, size - *length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return NULL;
		}
		if (n == 0)
			break;
		*length += (size_t)n;
	}
	text[*length] = '\0';
	return text;
}

/* Checks what was opened before anything is read from it: a FIFO would hold the program up. */
static char *read_checked(struct scan *s, const char *path, int fd, size_t *length,
                          struct source_stamp *stamp)
{
	struct stat st;
	if (fstat(fd, &st) < 0) {
		scan_error(s, "cannot look at %s: %s", path, strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		scan_error(s, "%s is not a regular file; name the policy file itself", path);
		return NULL;
	}
	if (st.st_size > FILE_MAX) {
		scan_error(s, "%s is larger than 1 MiB; this is hardly a policy", path);
		return NULL;
	}
	if (st.st_mode & S_IWOTH)
		policy_find(s->findings, POLICY_WARNING, path, 0,
		            "anyone may write this file and so switch TLS off; chmod o-w it");
	*stamp = source_stamp_of(&st);
	char *text = read_all(fd, (size_t)st.st_size, length);
	if (!text)
		scan_error(s, "cannot read %s: %s", path, strerror(errno));
	return text;
}

/* Opens the file as policy_load() promises: its name in dirfd, else the path as it stands. */
static int open_source(const struct scan *s, const char *name, const char *path)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	if (s->dirfd == -1)
		return open(path, flags);
	return openat(s->dirfd, name, flags);
}

bool scan_file(struct scan *s, const char *name, const char *path)
{
	int fd = open_source(s, name, path);
	if (fd < 0) {
		scan_error(s, "cannot open %s: %s", path, strerror(errno));
		return false;
	}
	size_t length = 0;
	struct policy_source *file = &s->files[s->source->file_count];
	char *text = read_checked(s, path, fd, &length, &file->stamp);
	close(fd);
	if (!text)
		return false;
	file->path = path;
	s->source->file_count++;
	bool good = scan_text(s, path, text, length);
	free(text);
	return good;
}

bool source_read(struct source *source, const char *path, int dirfd, struct storage *storage,
                 struct policy_findings *findings)
{
	*source = (struct source){ 0 };
	struct scan s = { .source = source, .storage = storage, .findings = findings,
		          .dirfd = dirfd, .root = path, .file = path };
	s.files = storage_get(storage, SOURCE_FILES_MAX * sizeof(*s.files));
	if (!s.files) {
		scan_error(&s, "out of memory");
		return false;
	}
	source->files = s.files;
	const char *slash = strrchr(path, '/');
	return scan_file(&s, slash ? slash + 1 : path, path) && scan_end(&s);
}

void source_clear(struct source *s)
{
	free(s->text);
	free(s->lines);
	*s = (struct source){ 0 };
}

struct source_line source_where(const struct source *s, unsigned line)
{
	if (s->line_count == 0)
		return (struct source_line){ s->file_count ? s->files[0].path : "policy", 0 };
	if (line == 0)
		line = 1;
	return s->lines[line <= s->line_count ? line - 1 : s->line_count - 1];
}
