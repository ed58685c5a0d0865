/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the write family. */
#include "shim/life/door.h"
#include "shim/life/carrier.h"
#include "shim/life/order.h"

#include <sys/socket.h>

/* The number is not ours after all. */
static ssize_t pass(int fd, const struct iovec *iov, int count, int flags)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	return flags ? real.sendmsg(fd, &message, flags) : real.writev(fd, iov, count);
}

static ssize_t transmit_once(int fd, uint64_t entry, const struct iovec *iov, int count, int flags)
{
	if (table_unconnected(entry))
		return unconnected_refusal(fd, flags);
	if (flags & MSG_OOB)
		return OUTCOME_NOT_SUPPORTED;
	order_await(fd, entry, false);
	return block_send(fd, entry, iov, count, flags & (MSG_DONTWAIT | MSG_MORE));
}

static ssize_t transmit(int fd, uint64_t entry, const struct iovec *iov, int count, int flags)
{
	ssize_t put = transmit_once(fd, entry, iov, count, flags);
	while (put == OUTCOME_GONE && (!(entry & 1) || descriptor_settled(fd, entry))) {
		entry = door_output(fd);
		if (!entry)
			return pass(fd, iov, count, flags);
		put = transmit_once(fd, entry, iov, count, flags);
	}
	return door_report(put, flags & MSG_NOSIGNAL);
}

/*
 * tcp(7), TCP Fast Open: sendto on an unconnected socket connects and sends at once.  Data in the
 * SYN would be plaintext, so it becomes the two calls it stands for.
 */
static bool opens(int flags, const struct sockaddr *to)
{
	return __builtin_expect((flags & MSG_FASTOPEN) && to, 0);
}

DOOR ssize_t write(int fd, const void *buffer, size_t size)
{
	uint64_t entry = door_output(fd);
	if (!entry)
		return real.write(fd, buffer, size);
	struct iovec v = {(void *)buffer, size};
	return transmit(fd, entry, &v, 1, 0);
}

/* The kernel's writev returns at once from being given nothing; write and send ask the socket. */
static bool is_empty(const struct iovec *iov, int count)
{
	while (count && !iov->iov_len)
		iov++, count--;
	return count == 0;
}

DOOR ssize_t writev(int fd, const struct iovec *iov, int count)
{
	uint64_t entry = door_output(fd);
	if (!entry || !door_takes((size_t)count))
		return real.writev(fd, iov, count);
	if (is_empty(iov, count))
		return 0;
	return transmit(fd, entry, iov, count, 0);
}

DOOR ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	uint64_t entry = door_output(fd);
	if (!entry || !door_takes((size_t)count) || offset != -1)
		return real.pwritev2(fd, iov, count, offset, flags);
	if (is_empty(iov, count))
		return 0;
	if (flags & ~DOOR_RWF)
		return door_report(OUTCOME_NOT_SUPPORTED, true);
	return transmit(fd, entry, iov, count, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

DOOR ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	if (!door_output(fd))
		return real.pwritev64v2(fd, iov, count, offset, flags);
	return pwritev2(fd, iov, count, offset, flags);
}

DOOR ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	uint64_t entry = door_output(fd);
	if (!entry)
		return real.send(fd, buffer, size, flags);
	struct iovec v = {(void *)buffer, size};
	return transmit(fd, entry, &v, 1, flags);
}

DOOR ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to,
                    socklen_t length)
{
	uint64_t entry = door_output(fd);
	if ((entry & 1) && (flags & MSG_FASTOPEN))
		return door_report(OUTCOME_ERRNO - EISCONN, true);
	if (!(entry & 1) && opens(flags, to) && connect(fd, to, length) < 0)
		return -1;
	if (!entry && !opens(flags, to))
		return real.sendto(fd, buffer, size, flags, to, length);
	return send(fd, buffer, size, flags & ~MSG_FASTOPEN);
}

/* What the kernel cannot read is EFAULT before anything is sent. */
static bool is_missing(const struct msghdr *message)
{
	return !message || (message->msg_iovlen && !message->msg_iov) ||
	       (message->msg_controllen && !message->msg_control);
}

/* cmsg(3): one that is not as long as it says is EINVAL, which the kernel says. */
static bool is_whole(const struct msghdr *message, const struct cmsghdr *c)
{
	size_t before = (size_t)((const char *)c - (const char *)message->msg_control);
	return c->cmsg_len >= CMSG_LEN(0) && c->cmsg_len <= message->msg_controllen - before;
}

/* unix(7), SCM_RIGHTS: whoever receives a session has not its keys. */
static bool may_pass(const struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c && is_whole(message, c);
	     c = CMSG_NXTHDR((struct msghdr *)message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		const int *fds = (const int *)CMSG_DATA(c);
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds; i++)
			if (!carrier_wanted(fds[i], "passing the descriptor on"))
				return false;
	}
	return true;
}

/* Control messages that TCP does not know are the kernel's to refuse: it is sent them alone. */
static bool is_refused(int fd, const struct msghdr *message)
{
	struct msghdr alone = {
		.msg_control = message->msg_control,
		.msg_controllen = message->msg_controllen,
	};
	int saved = errno;
	bool refused = real.sendmsg(fd, &alone, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	               errno == EINVAL;
	errno = saved;
	return refused;
}

DOOR ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	uint64_t entry = door_output(fd);
	if (is_missing(message))
		return entry ? door_report(OUTCOME_ERRNO - EFAULT, true)
		             : real.sendmsg(fd, message, flags);
	struct msghdr plain = *message;
	if (!(entry & 1) && opens(flags, message->msg_name)) {
		if (connect(fd, message->msg_name, message->msg_namelen) < 0)
			return -1;
		flags &= ~MSG_FASTOPEN;
		plain.msg_name = NULL;
		plain.msg_namelen = 0;
		entry = door_output(fd);
	}
	if (!entry)
		return message->msg_controllen && !may_pass(message)
			? -1 : real.sendmsg(fd, &plain, flags);
	if ((entry & 1) && message->msg_controllen && is_refused(fd, message))
		return door_report(OUTCOME_ERRNO - EINVAL, true);
	if (!door_takes(message->msg_iovlen))
		return real.sendmsg(fd, message, flags);
	return transmit(fd, entry, message->msg_iov, (int)message->msg_iovlen, flags);
}

DOOR int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	bool ours = door_output(fd) || (flags & MSG_FASTOPEN);
	for (unsigned int i = 0; !ours && messages && i < count; i++)
		if (messages[i].msg_hdr.msg_controllen && !may_pass(&messages[i].msg_hdr))
			return -1;
	if (ours && count && !messages)
		return (int)door_report(OUTCOME_ERRNO - EFAULT, true);
	if (!ours)
		return real.sendmmsg(fd, messages, count, flags);
	unsigned int done = 0;
	int saved = errno;
	for (; done < count; done++) {
		ssize_t put = sendmsg(fd, &messages[done].msg_hdr, flags);
		if (put < 0)
			break;
		messages[done].msg_len = (unsigned)put;
	}
	if (!done && count)
		return -1;
	errno = saved;
	return (int)done;
}
