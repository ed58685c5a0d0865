/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded behind the shim: makes the system calls of the shim fail or fall short, by a seed. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * The shim looks for libc behind itself, and so finds what is here first: the library that is
 * tested is the one that is installed.  Calls that do not come out of it pass as they are.
 *
 * What is answered is what the manual page allows for that call:
 *
 *	recvfrom    short, EAGAIN, EINTR, ENOMEM; of bytes to be dropped (MSG_TRUNC, no buffer) only
 *	            short and EINTR: they are there, and nothing is copied
 *	sendto      short, EAGAIN, EINTR, ENOBUFS, ENOMEM
 *	ppoll poll  EINTR, ENOMEM                 recv (that waits)  EINTR, ENOMEM
 *	epoll_*     EINTR; epoll_ctl: ENOMEM      futex              EINTR, EAGAIN
 *	read write  short, EINTR (of pipes and files, for splice and sendfile); pread64 likewise
 *	close       EINTR, after it has closed
 *
 * And no plaintext may leave: on a TCP socket the shim writes by sendto only, and what it writes
 * has no run of the pattern that world.c makes of all data.
 */

static uint64_t state;
static unsigned left; /* faults that may still come: everything gets done in the end */
static uintptr_t shim_from, shim_to;

static int find_shim(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size, (void)unused;
	if (!strstr(info->dlpi_name, "libsleeve.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			shim_from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			shim_to = shim_from + info->dlpi_phdr[i].p_memsz;
		}
	return 1;
}

/* From now on, by this seed; 0: none.  For the model. */
__attribute__((visibility("default"))) void faults_begin(unsigned seed)
{
	if (!shim_to)
		dl_iterate_phdr(find_shim, NULL);
	state = seed;
	left = seed ? 12 : 0;
}

static unsigned pick(unsigned below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % below;
}

/* One call in four.  The caller's return address says whether it is of the shim. */
static bool strikes(const void *caller)
{
	uintptr_t from = (uintptr_t)caller;
	if (!left || from < shim_from || from >= shim_to || pick(4))
		return false;
	left--;
	return true;
}

#define STRIKES() strikes(__builtin_return_address(0))

static int fail_with(const int *choices, unsigned count)
{
	errno = choices[pick(count)];
	return -1;
}

#define FAIL(...) \
	fail_with((const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

#define REAL(name) \
	({ \
		static __typeof__(&name) real_; \
		if (!real_) \
			real_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
		real_; \
	})

/* ---- no plaintext ---------------------------------------------------------------------------- */

static long real_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return REAL(syscall)(number, a, b, c, d, e, f);
}

static __attribute__((noreturn)) void leak(const char *what)
{
	char text[100];
	int n = snprintf(text, sizeof text, "faults: plaintext leaves by %s\n", what);
	real_syscall(SYS_write, 2, (long)text, n, 0, 0, 0);
	abort();
}

static bool is_tcp(int fd)
{
	int protocol = 0;
	socklen_t length = sizeof protocol;
	return real_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, (long)&protocol,
	                    (long)&length, 0) == 0 && protocol == IPPROTO_TCP;
}

/* A run of 16 bytes, each 7 more than the one before. */
static void look(const uint8_t *bytes, size_t size)
{
	for (size_t i = 1, run = 1; i < size; i++) {
		run = (uint8_t)(bytes[i] - bytes[i - 1]) == 7 ? run + 1 : 1;
		if (run == 16)
			leak("sendto");
	}
}

/* ---- the calls ------------------------------------------------------------------------------- */

static long cut(long size)
{
	return size > 1 ? 1 + pick((unsigned)size - 1) : size;
}

static bool receive_strikes(long *a, long *result)
{
	bool drops = !a[1];
	switch (pick(drops ? 2 : 4)) {
	case 0:
		a[2] = cut(a[2]);
		return false;
	case 1:
		*result = FAIL(EINTR);
		return true;
	default:
		*result = FAIL(EAGAIN, ENOMEM);
		return true;
	}
}

static bool send_strikes(long *a, long *result)
{
	if (pick(2)) {
		a[2] = cut(a[2]);
		return false;
	}
	*result = FAIL(EAGAIN, EINTR, ENOBUFS, ENOMEM);
	return true;
}

long syscall(long number, ...)
{
	long a[6], result;
	va_list arguments;
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	if (number == SYS_sendto && is_tcp((int)a[0]))
		look((const uint8_t *)a[1], (size_t)a[2]);
	bool struck = false;
	if (number == SYS_recvfrom && STRIKES())
		struck = receive_strikes(a, &result);
	else if (number == SYS_sendto && STRIKES())
		struck = send_strikes(a, &result);
	else if (number == SYS_ppoll && STRIKES())
		struck = true, result = FAIL(EINTR, ENOMEM);
	else if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT && STRIKES())
		struck = true, result = FAIL(EINTR, EAGAIN);
	return struck ? result : real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	return STRIKES() ? FAIL(EINTR, ENOMEM) : REAL(ppoll)(fds, count, timeout, mask);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return STRIKES() ? FAIL(EINTR, ENOMEM) : REAL(poll)(fds, count, timeout);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	return STRIKES() ? FAIL(EINTR, ENOMEM) : REAL(recv)(fd, buffer, size, flags);
}

int epoll_wait(int ep, struct epoll_event *events, int count, int timeout)
{
	return STRIKES() ? FAIL(EINTR) : REAL(epoll_wait)(ep, events, count, timeout);
}

int epoll_pwait(int ep, struct epoll_event *events, int count, int timeout, const sigset_t *mask)
{
	return STRIKES() ? FAIL(EINTR) : REAL(epoll_pwait)(ep, events, count, timeout, mask);
}

int epoll_pwait2(int ep, struct epoll_event *events, int count, const struct timespec *timeout,
                 const sigset_t *mask)
{
	return STRIKES() ? FAIL(EINTR) : REAL(epoll_pwait2)(ep, events, count, timeout, mask);
}

int epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
	return STRIKES() ? FAIL(ENOMEM) : REAL(epoll_ctl)(ep, op, fd, event);
}

ssize_t read(int fd, void *buffer, size_t size)
{
	bool struck = STRIKES();
	if (struck && pick(2))
		return FAIL(EINTR);
	return REAL(read)(fd, buffer, struck ? (size_t)cut((long)size) : size);
}

ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset)
{
	bool struck = STRIKES();
	if (struck && pick(2))
		return FAIL(EINTR);
	return REAL(pread64)(fd, buffer, struck ? (size_t)cut((long)size) : size, offset);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	bool struck = STRIKES();
	if (is_tcp(fd))
		leak("write");
	if (struck && pick(2))
		return FAIL(EINTR);
	return REAL(write)(fd, buffer, struck ? (size_t)cut((long)size) : size);
}

int close(int fd)
{
	bool struck = STRIKES();
	int result = REAL(close)(fd);
	return struck && result == 0 ? FAIL(EINTR) : result;
}

/* ---- calls by which nothing may leave -------------------------------------------------------- */

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (is_tcp(fd))
		leak("writev");
	return REAL(writev)(fd, iov, count);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	if (is_tcp(fd))
		leak("send");
	return REAL(send)(fd, buffer, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (is_tcp(fd))
		leak("sendmsg");
	return REAL(sendmsg)(fd, message, flags);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size);
ssize_t sendfile64(int out, int in, off64_t *offset, size_t size)
{
	if (is_tcp(out))
		leak("sendfile");
	return REAL(sendfile64)(out, in, offset, size);
}

ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
               unsigned int flags)
{
	if (is_tcp(out))
		leak("splice");
	return REAL(splice)(in, in_offset, out, out_offset, size, flags);
}
