/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors in messages (unix(7), SCM_RIGHTS) for the conformance programs. */
#ifndef CONFORMANCE_RIGHTS_H
#define CONFORMANCE_RIGHTS_H

#include "trace.h"

#include <dirent.h>

enum { RIGHTS = 8 };

/* A message of one byte, and room for that many descriptors. */
struct parcel {
	struct mmsghdr header;
	struct iovec text;
	char byte;
	union {
		char bytes[CMSG_SPACE(RIGHTS * sizeof(int))];
		struct cmsghdr align;
	} control;
};

HELPER struct msghdr *parcel_for(struct parcel *parcel, const int *fds, int count)
{
	size_t size = (size_t)count * sizeof(int);
	memset(parcel, 0, sizeof(*parcel));
	parcel->byte = 'p';
	parcel->text = (struct iovec){&parcel->byte, 1};
	struct msghdr *m = &parcel->header.msg_hdr;
	m->msg_iov = &parcel->text;
	m->msg_iovlen = 1;
	m->msg_control = count ? &parcel->control : NULL;
	m->msg_controllen = count ? CMSG_SPACE(size) : 0;
	if (!fds || !count)
		return m;
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), fds, size);
	return m;
}

/* How many there are in a message that has come. */
HELPER int parcel_open(const struct parcel *parcel, int *fds)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&parcel->header.msg_hdr);
	int count = c ? (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
	if (count)
		memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
	return count;
}

HELPER void pass(int to, const int *fds, int count)
{
	struct parcel parcel;
	T(sendmsg(to, parcel_for(&parcel, fds, count), 0));
}

HELPER int take(int from, int *fds, int flags)
{
	struct parcel parcel;
	MUST(recvmsg(from, parcel_for(&parcel, NULL, RIGHTS), flags));
	return parcel_open(&parcel, fds);
}

/* Of the program's, without those that a library keeps out of its way. */
HELPER int open_numbers(void)
{
	int count = 0;
	DIR *folder = opendir("/proc/self/fd");
	if (!folder)
		trace_die("opendir");
	for (struct dirent *e; (e = readdir(folder));)
		count += e->d_name[0] != '.' && atoi(e->d_name) < 900;
	closedir(folder);
	return count;
}

#endif
