/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Megabytes by every vectored spelling, with empty and one-byte elements in between. */
#include "../trace.h"

/* Cuts a buffer into one byte, nothing, a third, nothing, the rest. */
static int cut(struct iovec iov[5], const void *buffer, size_t size)
{
	char *p = (char *)(uintptr_t)buffer;
	size_t third = size / 3;
	iov[0] = (struct iovec){p, size ? 1 : 0};
	iov[1] = (struct iovec){NULL, 0};
	iov[2] = (struct iovec){p + iov[0].iov_len, third};
	iov[3] = (struct iovec){p, 0};
	iov[4] = (struct iovec){p + iov[0].iov_len + third, size - iov[0].iov_len - third};
	return 5;
}

static ssize_t put_writev(int fd, const void *from, size_t size)
{
	struct iovec iov[5];
	return writev(fd, iov, cut(iov, from, size));
}

static ssize_t get_readv(int fd, void *to, size_t size)
{
	struct iovec iov[5];
	return readv(fd, iov,
	             size < 3 ? (iov[0] = (struct iovec){to, size}, 1) : cut(iov, to, size));
}

static ssize_t put_sendmsg(int fd, const void *from, size_t size)
{
	struct iovec iov[5];
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)cut(iov, from, size)};
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static ssize_t get_recvmsg(int fd, void *to, size_t size)
{
	struct iovec iov[5] = {{to, size}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = size < 3 ? 1 : (size_t)cut(iov, to, size)};
	return recvmsg(fd, &m, MSG_DONTWAIT);
}

/* Three messages; a partial one ends the row, as the manual says. */
static ssize_t put_sendmmsg(int fd, const void *from, size_t size)
{
	const char *p = from;
	size_t third = size / 3;
	struct iovec iov[3] = {{(void *)(uintptr_t)p, third},
	                       {(void *)(uintptr_t)(p + third), third},
	                       {(void *)(uintptr_t)(p + 2 * third), size - 2 * third}};
	struct mmsghdr mm[3];
	memset(mm, 0, sizeof(mm));
	for (int i = 0; i < 3; i++)
		mm[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	int count = sendmmsg(fd, mm, 3, 0);
	ssize_t total = 0;
	for (int i = 0; i < count; i++) {
		total += mm[i].msg_len;
		if (mm[i].msg_len < iov[i].iov_len)
			break; /* what follows a short one would leave a hole; not sent then */
	}
	return count < 0 ? -1 : total;
}

static ssize_t put_pwritev2(int fd, const void *from, size_t size)
{
	struct iovec iov[5];
	return pwritev2(fd, iov, cut(iov, from, size), -1, 0);
}

static ssize_t get_preadv2(int fd, void *to, size_t size)
{
	struct iovec iov = {to, size};
	return preadv2(fd, &iov, 1, -1, 0);
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	pair_nonblocking(&p);
	pump("writev to readv", p.c, put_writev, p.s, get_readv, 3 << 20, 70000);
	pump("writev to read", p.s, put_writev, p.c, get_read, 1 << 20, 4096);
	pump("sendmsg to recvmsg", p.s, put_sendmsg, p.c, get_recvmsg, 3 << 20, 40000);
	pump("sendmmsg to read", p.c, put_sendmmsg, p.s, get_read, 3000, 4096);
	pump("pwritev2 to preadv2", p.c, put_pwritev2, p.s, get_preadv2, 3 << 20, 16384);
	return 0;
}
