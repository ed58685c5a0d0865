/* SPDX-License-Identifier: GPL-3.0-or-later */
/* User names to ids, without NSS: inside a foreign process that could open sockets and deadlock. */
#include "policy/match.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWD_MAX = 4 << 20, CLIMB_MAX = 64 };

/*
 * After chroot, /etc/passwd is that of the new root, or missing.  The policy's folder is still a
 * descriptor outside, so the old root is found by going up from there until up leads nowhere.
 */
static int open_passwd(int dirfd)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int at = dirfd == -1 ? -1 : openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; at != -1 && i < CLIMB_MAX; i++) {
		struct stat here, above;
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		bool same = up != -1 && !fstat(at, &here) && !fstat(up, &above) &&
		            here.st_dev == above.st_dev && here.st_ino == above.st_ino;
		if (same) {
			int fd = openat(at, "etc/passwd", flags);
			close(at);
			close(up);
			return fd;
		}
		close(at);
		at = up;
	}
	if (at != -1)
		close(at);
	return open("/etc/passwd", flags);
}

char *users_read(int dirfd)
{
	int fd = open_passwd(dirfd);
	if (fd < 0)
		return NULL;
	struct stat st;
	char *text = NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= PASSWD_MAX)
		text = malloc((size_t)st.st_size + 1);
	size_t length = 0;
	while (text && length < (size_t)st.st_size) {
		ssize_t n = read(fd, text + length, (size_t)st.st_size - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	close(fd);
	if (text)
		text[length] = '\0';
	return text;
}

/* name:password:uid:... (passwd(5)) */
bool users_find(const char *passwd, const char *name, uid_t *uid)
{
	size_t length = strlen(name);
	for (const char *line = passwd; line; ) {
		if (!strncmp(line, name, length) && line[length] == ':') {
			const char *colon = strchr(line + length + 1, ':');
			char *end = NULL;
			unsigned long id = colon ? strtoul(colon + 1, &end, 10) : 0;
			if (colon && end != colon + 1 && *end == ':' && id < (uid_t)-1) {
				*uid = (uid_t)id;
				return true;
			}
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return false;
}
