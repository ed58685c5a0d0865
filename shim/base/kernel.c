/* SPDX-License-Identifier: GPL-3.0-or-later */
/* System calls for use under a session's lock. */
#include "shim/base/kernel.h"

#include "shim/base/real.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

/*
 * syscall(2) touches errno on failure only; it is put back so that success stays silent.  What
 * never waits is not to be interrupted; where it is, it is asked again.
 */
static long call(long number, long a, long b, long c, long d, long e, long f)
{
	int saved = errno;
	long result;
	do
		result = real.syscall(number, a, b, c, d, e, f);
	while (result < 0 && errno == EINTR && number != SYS_futex);
	if (result < 0) {
		result = -errno;
		errno = saved;
	}
	return result;
}

ssize_t kernel_recv(int fd, void *buffer, size_t size, int flags)
{
	return call(SYS_recvfrom, fd, (long)buffer, (long)size, flags | MSG_DONTWAIT, 0, 0);
}

ssize_t kernel_send(int fd, const void *buffer, size_t size, int flags)
{
	flags |= MSG_DONTWAIT | MSG_NOSIGNAL;
	return call(SYS_sendto, fd, (long)buffer, (long)size, flags, 0, 0);
}

ssize_t kernel_skip(int fd, size_t size)
{
	return call(SYS_recvfrom, fd, 0, (long)size, MSG_TRUNC | MSG_DONTWAIT, 0, 0);
}

/*
 * Named pipes, and all of them before Linux 6.4, know no RWF_NOWAIT (readv(2)).  There poll(2) is
 * asked first; a writable pipe has room for a page at the least, and takes PIPE_BUF bytes whole
 * (pipe(7)).  Only somebody at the same end of it who comes in between can make such a call wait.
 */
ssize_t kernel_pipe_read(int fd, void *buffer, size_t size)
{
	struct iovec v = {buffer, size};
	ssize_t got = call(SYS_preadv2, fd, (long)&v, 1, -1, -1, RWF_NOWAIT);
	if (got != -EOPNOTSUPP)
		return got;
	return kernel_poll(fd, POLLIN) ? call(SYS_read, fd, (long)buffer, (long)size, 0, 0, 0)
	                               : -EAGAIN;
}

ssize_t kernel_pipe_write(int fd, const void *buffer, size_t size)
{
	struct iovec v = {(void *)buffer, size};
	ssize_t put = call(SYS_pwritev2, fd, (long)&v, 1, -1, -1, RWF_NOWAIT);
	if (put != -EOPNOTSUPP)
		return put;
	size_t done = 0;
	put = -EAGAIN;
	while (done < size && (kernel_poll(fd, POLLOUT) & POLLOUT)) {
		size_t part = size - done < PIPE_BUF ? size - done : PIPE_BUF;
		put = call(SYS_write, fd, (long)buffer + (long)done, (long)part, 0, 0, 0);
		if (put < 0)
			break;
		done += (size_t)put;
	}
	return done ? (ssize_t)done : put;
}

int kernel_poll(int fd, int events)
{
	struct pollfd p = {.fd = fd, .events = (short)events};
	struct timespec none = {0, 0};
	return call(SYS_ppoll, (long)&p, 1, (long)&none, 0, 0, 0) > 0 ? p.revents : 0;
}

int kernel_shutdown(int fd, int how)
{
	return (int)call(SYS_shutdown, fd, how, 0, 0, 0, 0);
}

int kernel_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	return (int)call(SYS_getsockopt, fd, level, name, (long)value, (long)length, 0);
}

int kernel_option(int fd, int level, int name, int otherwise)
{
	int value = otherwise;
	socklen_t length = sizeof value;
	return kernel_getsockopt(fd, level, name, &value, &length) < 0 ? otherwise : value;
}

void kernel_set_option(int fd, int level, int name, int value)
{
	call(SYS_setsockopt, fd, level, name, (long)&value, sizeof value, 0);
}

uint64_t kernel_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof cookie;
	return kernel_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

bool kernel_is_tcp_protocol(int protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

bool kernel_is_tcp(int fd)
{
	return kernel_is_tcp_protocol(kernel_option(fd, SOL_SOCKET, SO_PROTOCOL, 0));
}

/* proc(5).  Read once: it is a default for sockets, and changes as seldom as a machine's set-up. */
uint32_t kernel_notsent_lowat(void)
{
	static uint32_t known;
	uint32_t value = __atomic_load_n(&known, __ATOMIC_RELAXED);
	if (value)
		return value;
	char text[16] = "";
	long fd = call(SYS_openat, AT_FDCWD, (long)"/proc/sys/net/ipv4/tcp_notsent_lowat",
	               O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (fd >= 0) {
		call(SYS_read, fd, (long)text, sizeof text - 1, 0, 0, 0);
		call(SYS_close, fd, 0, 0, 0, 0, 0);
	}
	for (const char *digit = text; *digit >= '0' && *digit <= '9'; digit++)
		value = value * 10 + (uint32_t)(*digit - '0');
	value = value ? value : UINT32_MAX;
	__atomic_store_n(&known, value, __ATOMIC_RELAXED);
	return value;
}

static int count(int fd, unsigned long request)
{
	int bytes = 0;
	return call(SYS_ioctl, fd, (long)request, (long)&bytes, 0, 0, 0) < 0 ? 0 : bytes;
}

int kernel_unsent(int fd)
{
	return count(fd, SIOCOUTQNSD);
}

int kernel_unacknowledged(int fd)
{
	return count(fd, SIOCOUTQ);
}

bool kernel_nonblocking(int fd)
{
	long flags = call(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);
	return flags >= 0 && (flags & O_NONBLOCK);
}

bool kernel_may_wait_to_read(int fd)
{
	long flags = call(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);
	return flags >= 0 && !(flags & (O_NONBLOCK | O_PATH)) && (flags & O_ACCMODE) != O_WRONLY;
}

int64_t kernel_deadline(int fd, int option)
{
	struct timeval limit = {0};
	socklen_t length = sizeof limit;
	kernel_getsockopt(fd, SOL_SOCKET, option, &limit, &length);
	if (!limit.tv_sec && !limit.tv_usec)
		return INT64_MAX;
	return kernel_now() + limit.tv_sec * 1000000000LL + limit.tv_usec * 1000LL;
}

bool kernel_resets_on_close(int fd)
{
	struct linger linger = {0};
	socklen_t length = sizeof linger;
	kernel_getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length);
	return linger.l_onoff && !linger.l_linger;
}

bool kernel_connected(int fd)
{
	struct sockaddr_in6 peer;
	socklen_t length = sizeof peer;
	return call(SYS_getpeername, fd, (long)&peer, (long)&length, 0, 0, 0) == 0;
}

int kernel_wait(const uint32_t *word, uint32_t value, int64_t nanoseconds)
{
	struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
	long result = call(SYS_futex, (long)word, FUTEX_WAIT, value, (long)&limit, 0, 0);
	return result == -EAGAIN || result == -ETIMEDOUT || result >= 0 ? 0 : (int)-result;
}

void kernel_wake(const uint32_t *word)
{
	call(SYS_futex, (long)word, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

uint64_t kernel_signal_mask(uint64_t mask)
{
	uint64_t before = 0;
	call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&before, sizeof mask, 0, 0);
	return before;
}

/*
 * poll(2) is never restarted, and which handler ran cannot be known afterwards: so only a program
 * all of whose handlers ask for it is taken at its word.
 */
bool kernel_restarts(void)
{
	bool any = false;
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;
		if (sigaction(number, NULL, &action) < 0 || action.sa_handler == SIG_DFL ||
		    action.sa_handler == SIG_IGN)
			continue;
		if (!(action.sa_flags & SA_RESTART))
			return false;
		any = true;
	}
	return any;
}

bool kernel_lives(pid_t pid)
{
	int fd = (int)call(SYS_pidfd_open, pid, 0, 0, 0, 0, 0);
	if (fd < 0) /* it is gone, or there is no such call or no room */
		return fd != -ESRCH && call(SYS_kill, pid, 0, 0, 0, 0, 0) != -ESRCH;
	bool ended = kernel_poll(fd, POLLIN) & POLLIN;
	call(SYS_close, fd, 0, 0, 0, 0, 0);
	return !ended;
}

int64_t kernel_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
