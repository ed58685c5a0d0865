/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths from the root that the program was started in, whatever chroot(2) has done since. */
#include "shim/base/root.h"

#include "shim/base/real.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int root = -1;
static dev_t device;
static ino_t inode;

void root_begin(int lowest)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return;
	root = real.fcntl(fd, F_DUPFD_CLOEXEC, (long)lowest);
	if (root < 0)
		root = fd;
	else
		real.close(fd);
	if (fstat(root, &st) == 0) {
		device = st.st_dev;
		inode = st.st_ino;
	}
}

/* A program may have closed the number behind our back and opened another folder. */
static bool lost(void)
{
	struct stat st;
	return root < 0 || fstat(root, &st) < 0 || st.st_dev != device || st.st_ino != inode;
}

int root_of(const char **path)
{
	if (**path != '/' || lost())
		return AT_FDCWD;
	*path += strspn(*path, "/");
	if (!**path)
		*path = ".";
	return root;
}

bool root_owns(int fd)
{
	return fd >= 0 && fd == root;
}
