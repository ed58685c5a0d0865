/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the read family. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/life/inherit.h"
#include "shim/life/standin.h"

#include <sys/socket.h>

/* The number is not ours after all. */
static ssize_t pass(int fd, const struct iovec *iov, int count, int flags)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	return flags ? real.recvmsg(fd, &message, flags) : real.readv(fd, iov, count);
}

/* recv(2) says EINVAL where there is no urgent data, and in a TLS stream there never is. */
static ssize_t receive(int fd, uint64_t entry, const struct iovec *iov, int count, int flags)
{
	if (flags & MSG_OOB)
		return door_report(OUTCOME_ERRNO - EINVAL, true);
	ssize_t got = block_receive(fd, entry, iov, count, flags);
	while (got == OUTCOME_GONE && descriptor_settled(fd, entry)) {
		entry = door_session(fd);
		if (!entry)
			return pass(fd, iov, count, flags);
		got = block_receive(fd, entry, iov, count, flags);
	}
	return door_report(got, true);
}

DOOR ssize_t read(int fd, void *buffer, size_t size)
{
	uint64_t entry = door_session(fd);
	if (!entry)
		return door_beside(fd, 0) ? -1 : real.read(fd, buffer, size);
	if (!size)
		return 0;
	struct iovec v = {buffer, size};
	return receive(fd, entry, &v, 1, 0);
}

/* Fortified forms (LSB): size is at most limit, or the compiler's check is to abort. */
DOOR ssize_t __read_chk(int fd, void *buffer, size_t size, size_t limit)
{
	if (size > limit || !door_session(fd))
		return real.__read_chk(fd, buffer, size, limit);
	return read(fd, buffer, size);
}

/* The read family returns at once from asking for nothing, the recv family waits for something. */
static bool is_empty(const struct iovec *iov, int count)
{
	while (count && !iov->iov_len)
		iov++, count--;
	return count == 0;
}

DOOR ssize_t readv(int fd, const struct iovec *iov, int count)
{
	uint64_t entry = door_session(fd);
	if (!entry || !door_takes((size_t)count))
		return door_beside(fd, 0) ? -1 : real.readv(fd, iov, count);
	if (is_empty(iov, count))
		return 0;
	return receive(fd, entry, iov, count, 0);
}

/* preadv2(2): offset -1 means the stream; any other is ESPIPE on a socket, as the kernel says. */
DOOR ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	uint64_t entry = door_session(fd);
	if (!entry || !door_takes((size_t)count) || offset != -1)
		return real.preadv2(fd, iov, count, offset, flags);
	if (is_empty(iov, count))
		return 0;
	if (flags & ~DOOR_RWF)
		return door_report(OUTCOME_NOT_SUPPORTED, true);
	return receive(fd, entry, iov, count, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

DOOR ssize_t preadv64v2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	if (!door_session(fd))
		return real.preadv64v2(fd, iov, count, offset, flags);
	return preadv2(fd, iov, count, offset, flags);
}

DOOR ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	uint64_t entry = door_session(fd);
	if (!entry || (flags & MSG_ERRQUEUE))
		return door_beside(fd, flags) ? -1 : real.recv(fd, buffer, size, flags);
	struct iovec v = {buffer, size};
	return receive(fd, entry, &v, 1, flags);
}

DOOR ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t limit, int flags)
{
	if (size > limit || !door_session(fd))
		return real.__recv_chk(fd, buffer, size, limit, flags);
	return recv(fd, buffer, size, flags);
}

/* A connected TCP socket gives no address: its length becomes 0. */
DOOR ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from,
                      socklen_t *length)
{
	socklen_t room = from && (uintptr_t)length >= 4096 ? *length : 0;
	bool session = door_session(fd) && !(flags & MSG_ERRQUEUE);
	ssize_t got = -1;
	if (session)
		got = recv(fd, buffer, size, flags);
	else if (!door_beside(fd, flags))
		got = real.recvfrom(fd, buffer, size, flags, from, length);
	if (got >= 0 && from && length && (session || standin_named(from, room)))
		*length = 0;
	return got;
}

DOOR ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t limit, int flags,
                            struct sockaddr *from, socklen_t *length)
{
	if (size > limit)
		return real.__recvfrom_chk(fd, buffer, size, limit, flags, from, length);
	return recvfrom(fd, buffer, size, flags, from, length);
}

/* Descriptors that arrive with a message are new numbers of this process (unix(7)). */
static void note_arrivals(const struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR((struct msghdr *)message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		const int *fds = (const int *)CMSG_DATA(c);
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds; i++) {
			descriptor_created(fds[i]);
			inherit_arrived(fds[i]);
		}
	}
}

static ssize_t message_of_others(int fd, struct msghdr *message, int flags)
{
	socklen_t room = (uintptr_t)message >= 4096 ? message->msg_namelen : 0;
	ssize_t got = real.recvmsg(fd, message, flags);
	if (got >= 0 && standin_named(message->msg_name, room))
		message->msg_namelen = 0;
	if (got >= 0 && message->msg_controllen)
		note_arrivals(message);
	return got;
}

DOOR ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	uint64_t entry = door_session(fd);
	if (entry && (!message || (message->msg_iovlen && !message->msg_iov)))
		return door_report(OUTCOME_ERRNO - EFAULT, true);
	if (!entry || (flags & MSG_ERRQUEUE) || !door_takes(message->msg_iovlen)) {
		return door_beside(fd, flags) ? -1 : message_of_others(fd, message, flags);
	}
	ssize_t got = receive(fd, entry, message->msg_iov, (int)message->msg_iovlen, flags);
	if (got >= 0)
		message->msg_namelen = 0, message->msg_controllen = 0,
		message->msg_flags = flags & MSG_CMSG_CLOEXEC;
	return got;
}

/* The time limit of recvmmsg(2) is looked at after each message, it bounds no wait for one. */
static int64_t rest_of(const struct timespec *timeout, int64_t since)
{
	if (!timeout || timeout->tv_sec > 1000000000)
		return INT64_MAX;
	int64_t rest = timeout->tv_sec * 1000000000LL + timeout->tv_nsec - (kernel_now() - since);
	return rest > 0 ? rest : 0;
}

/* recvmmsg(2): the first may wait, the others too unless MSG_WAITFORONE; an error after the
 * first is kept for the next call. */
DOOR int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
                  struct timespec *timeout)
{
	if (!door_session(fd)) {
		int got = real.recvmmsg(fd, messages, count, flags, timeout);
		for (int i = 0; i < got; i++)
			if (messages[i].msg_hdr.msg_controllen)
				note_arrivals(&messages[i].msg_hdr);
		return got;
	}
	if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
	                timeout->tv_nsec >= 1000000000))
		return (int)door_report(OUTCOME_ERRNO - EINVAL, true);
	if (count && !messages)
		return (int)door_report(OUTCOME_ERRNO - EFAULT, true);
	unsigned int done = 0;
	int saved = errno;
	int64_t since = kernel_now(), left = INT64_MAX;
	for (; done < count && left; done++) {
		ssize_t got = recvmsg(fd, &messages[done].msg_hdr, flags & ~MSG_WAITFORONE);
		if (got < 0)
			break;
		messages[done].msg_len = (unsigned)got;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		left = rest_of(timeout, since);
	}
	if (!done && count)
		return -1;
	if (left != INT64_MAX)
		*timeout = (struct timespec){left / 1000000000, left % 1000000000};
	errno = saved;
	return (int)done;
}
