/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every spelling of write and of read with every interesting size, an echo in another process. */
#include "../trace.h"

#include <sys/sendfile.h>

#define MOST (1 << 20)

static unsigned char out[MOST], in[MOST];
static int file, to_child[2], from_child[2];

/* Two elements and nothing between them. */
static int cut(struct iovec iov[3], const void *buffer, size_t size)
{
	char *p = (char *)(uintptr_t)buffer;
	iov[0] = (struct iovec){p, size / 2};
	iov[1] = (struct iovec){NULL, 0};
	iov[2] = (struct iovec){p + size / 2, size - size / 2};
	return 3;
}

static ssize_t put_writev(int fd, const void *from, size_t size)
{
	struct iovec iov[3];
	return writev(fd, iov, cut(iov, from, size));
}

static ssize_t put_pwritev2(int fd, const void *from, size_t size)
{
	struct iovec iov[3];
	return pwritev2(fd, iov, cut(iov, from, size), -1, 0);
}

static ssize_t put_send(int fd, const void *from, size_t size)
{
	return send(fd, from, size, MSG_NOSIGNAL);
}

static ssize_t put_sendto(int fd, const void *from, size_t size)
{
	return sendto(fd, from, size, 0, NULL, 0);
}

static ssize_t put_sendmsg(int fd, const void *from, size_t size)
{
	struct iovec iov[3];
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)cut(iov, from, size)};
	return sendmsg(fd, &m, 0);
}

static ssize_t put_sendmmsg(int fd, const void *from, size_t size)
{
	struct iovec iov[3];
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}},
	                       {.msg_hdr = {.msg_iov = iov + 1, .msg_iovlen = 2}}};
	cut(iov, from, size);
	return sendmmsg(fd, m, 2, 0) == 2 ? (ssize_t)(m[0].msg_len + m[1].msg_len) : -1;
}

/* The file holds the same bytes. */
static ssize_t put_sendfile(int fd, const void *from, size_t size)
{
	off_t offset = 0;
	(void)from;
	return size ? sendfile(fd, file, &offset, size) : 0;
}

static ssize_t get_recv(int fd, void *to, size_t size)
{
	return recv(fd, to, size, 0);
}

static ssize_t get_waitall(int fd, void *to, size_t size)
{
	return recv(fd, to, size, MSG_WAITALL);
}

static ssize_t get_recvfrom(int fd, void *to, size_t size)
{
	return recvfrom(fd, to, size, 0, NULL, NULL);
}

static ssize_t get_readv(int fd, void *to, size_t size)
{
	struct iovec iov[3];
	return readv(fd, iov, cut(iov, to, size));
}

static ssize_t get_preadv2(int fd, void *to, size_t size)
{
	struct iovec iov[3];
	return preadv2(fd, iov, cut(iov, to, size), -1, 0);
}

static ssize_t get_recvmsg(int fd, void *to, size_t size)
{
	struct iovec iov[3];
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)cut(iov, to, size)};
	return recvmsg(fd, &m, 0);
}

static ssize_t get_recvmmsg(int fd, void *to, size_t size)
{
	struct iovec iov = {to, size};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	return recvmmsg(fd, &m, 1, MSG_WAITFORONE, NULL) == 1 ? (ssize_t)m.msg_len : -1;
}

/* Reads all of it, however many calls that takes. */
static bool get_all(int fd, get_call *get, size_t size)
{
	size_t got = 0;
	memset(in, 0, size);
	while (got < size) {
		ssize_t n = get(fd, in + got, size - got);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return !memcmp(in, out, size);
}

static const struct {
	const char *name;
	put_call *call;
} puts_of[] = {{"write", put_write},       {"writev", put_writev},    {"pwritev2", put_pwritev2},
               {"send", put_send},         {"sendto", put_sendto},    {"sendmsg", put_sendmsg},
               {"sendmmsg", put_sendmmsg}, {"sendfile", put_sendfile}};
static const struct {
	const char *name;
	get_call *call;
} gets_of[] = {{"read", get_read},         {"recv", get_recv},        {"MSG_WAITALL", get_waitall},
               {"recvfrom", get_recvfrom}, {"readv", get_readv},      {"preadv2", get_preadv2},
               {"recvmsg", get_recvmsg},   {"recvmmsg", get_recvmmsg}};
static const size_t sizes[] = {0, 1, 15, 16383, 16384, 16385, MOST};

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

/* The child: reads each by the spelling it is told, and says how it was. */
static void serve(int fd)
{
	struct {
		size_t get, size;
	} order;
	while (read(to_child[0], &order, sizeof(order)) == sizeof(order)) {
		char word = get_all(fd, gets_of[order.get].call, order.size) ? 'y' : 'n';
		MUST(write(from_child[1], &word, 1));
	}
	_exit(0);
}

static void exchange(int fd, size_t put, size_t get, size_t size)
{
	size_t order[2] = {get, size};
	char word = 0;
	MUST(write(to_child[1], order, sizeof(order)));
	ssize_t n = puts_of[put].call(fd, out, size);
	MUST(read(from_child[0], &word, 1));
	/* A blocking write of TCP takes everything. */
	if (n != (ssize_t)size || word != 'y')
		say("%s to %s, %zu: %zd %c", puts_of[put].name, gets_of[get].name, size, n, word);
}

int main(void)
{
	watchdog_start();
	fill(out, MOST, 0);
	char name[] = "/tmp/conformance.XXXXXX";
	file = (int)MUST(mkstemp(name));
	unlink(name);
	MUST(write(file, out, MOST));
	MUST(pipe2(to_child, O_CLOEXEC));
	MUST(pipe2(from_child, O_CLOEXEC));
	struct pair p = pair_open(AF_INET);
	pid_t child = fork_watched();
	if (child == 0) {
		close(to_child[1]);
		close(p.c);
		serve(p.s);
	}
	close(p.s);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		say("%zu", sizes[i]);
		for (size_t put = 0; put < COUNT(puts_of); put++)
			for (size_t get = 0; get < COUNT(gets_of); get++)
				exchange(p.c, put, get, sizes[i]);
	}
	close(to_child[1]);
	say_wait("reader", child);
	return 0;
}
