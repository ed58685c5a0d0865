/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of calls that would go round the others. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/life/fork.h"
#include "shim/session/rulebook.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

static long pass(long number, const long *a)
{
	return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/*
 * io_uring moves bytes by itself.  ENOSYS makes libraries fall back (libuv does); in a program
 * that no rule concerns it is left alone.
 */
static bool is_refused(void)
{
	static bool said;
	if (!rulebook_concerns())
		return false;
	if (!said)
		log_say(LOG_LEVEL_WARN, "io_uring is answered with ENOSYS: it would bypass TLS");
	said = true;
	return true;
}

/* io_submit(2), libaio: databases use it for their files; a session in a batch refuses it. */
static bool submits_session(const long *a)
{
	struct iocb *const *batch = (struct iocb *const *)a[2];
	for (long i = 0; table_end() && i < a[1]; i++)
		if (table_session((int)batch[i]->aio_fildes))
			return true;
	return false;
}

/* Its length comes with a signal mask; what is no mask the kernel refuses. */
static bool takes_mask(long mask, long size)
{
	enum { KERNEL_SIGSET = 8 };
	return !mask || size == KERNEL_SIGSET;
}

/*
 * ppoll(2), select(2): the system calls write the time that is left, libc's do not.  It may be
 * where nobody can write, so the kernel has to do it.
 */
static void tell_left(struct timespec *timeout, int64_t since)
{
	if (!timeout || timeout->tv_sec > 1000000000)
		return;
	int64_t left = timeout->tv_sec * 1000000000LL + timeout->tv_nsec - (kernel_now() - since);
	struct timespec rest = {0};
	struct iovec from = {&rest, sizeof rest}, to = {timeout, sizeof rest};
	if (left > 0)
		rest = (struct timespec){left / 1000000000, left % 1000000000};
	int saved = errno;
	real.syscall(SYS_process_vm_writev, getpid(), &from, 1, &to, 1, 0);
	errno = saved;
}

static long wait_until(long number, const long *a)
{
	bool polls = number == SYS_ppoll;
	struct timespec *timeout = (void *)a[polls ? 2 : 4];
	const long none[2] = {0}, *mask = polls ? a + 3 : a[5] ? (const long *)a[5] : none;
	if (!table_end() || !takes_mask(mask[0], mask[1]))
		return pass(number, a);
	int64_t since = kernel_now();
	int ready = polls ? ppoll((void *)a[0], (nfds_t)a[1], timeout, (void *)mask[0])
	                  : pselect((int)a[0], (void *)a[1], (void *)a[2], (void *)a[3], timeout,
	                            (void *)mask[0]);
	if (ready >= 0 || errno != EINVAL)
		tell_left(timeout, since);
	return ready;
}

/*
 * syscall(2) with a number whose call has a door goes through the door (Node closes its sockets
 * this way); every other number passes.  The order is that of calls.def.  What is no pointer is cut
 * to the size of the parameter, as the kernel does it.
 */
static long enter(long number, const long *a)
{
	void *p[6];
	for (int i = 0; i < 6; i++)
		p[i] = (void *)a[i];
	int fd = (int)a[0];
	switch (number) {
	case SYS_socket: return socket(a[0], a[1], a[2]);
	case SYS_socketpair: return socketpair(a[0], a[1], a[2], p[3]);
	case SYS_connect: return connect(fd, p[1], a[2]);
#ifdef SYS_accept
	case SYS_accept: return accept(fd, p[1], p[2]);
#endif
	case SYS_accept4: return accept4(fd, p[1], p[2], a[3]);
	case SYS_listen: return listen(fd, a[1]);
	case SYS_shutdown: return shutdown(fd, a[1]);
	case SYS_getsockname: return getsockname(fd, p[1], p[2]);
	case SYS_getpeername: return getpeername(fd, p[1], p[2]);
	case SYS_getsockopt: return getsockopt(fd, a[1], a[2], p[3], p[4]);
	case SYS_setsockopt: return setsockopt(fd, a[1], a[2], p[3], a[4]);

	case SYS_read: return read(fd, p[1], a[2]);
	case SYS_readv: return readv(fd, p[1], a[2]);
	case SYS_preadv2: return preadv2(fd, p[1], a[2], a[3], a[5]);
	case SYS_recvfrom: return recvfrom(fd, p[1], a[2], a[3], p[4], p[5]);
	case SYS_recvmsg: return recvmsg(fd, p[1], a[2]);
	case SYS_recvmmsg: return recvmmsg(fd, p[1], a[2], a[3], p[4]);
	case SYS_write: return write(fd, p[1], a[2]);
	case SYS_writev: return writev(fd, p[1], a[2]);
	case SYS_pwritev2: return pwritev2(fd, p[1], a[2], a[3], a[5]);
	case SYS_sendto: return sendto(fd, p[1], a[2], a[3], p[4], a[5]);
	case SYS_sendmsg: return sendmsg(fd, p[1], a[2]);
	case SYS_sendmmsg: return sendmmsg(fd, p[1], a[2], a[3]);
	case SYS_sendfile: return sendfile(fd, a[1], p[2], a[3]);
	case SYS_splice: return splice(fd, p[1], a[2], p[3], a[4], a[5]);

#ifdef SYS_poll
	case SYS_poll: return poll(p[0], a[1], a[2]);
#endif
	case SYS_ppoll: return wait_until(number, a);
#ifdef SYS_select
	case SYS_select: return select(a[0], p[1], p[2], p[3], p[4]);
#endif
	case SYS_pselect6: return wait_until(number, a);
	case SYS_epoll_ctl: return epoll_ctl(fd, a[1], a[2], p[3]);
#ifdef SYS_epoll_wait
	case SYS_epoll_wait: return epoll_wait(fd, p[1], a[2], a[3]);
#endif
	case SYS_epoll_pwait:
		if (!takes_mask(a[4], a[5]))
			break;
		return epoll_pwait(fd, p[1], a[2], a[3], p[4]);
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
		if (!takes_mask(a[4], a[5]))
			break;
		return epoll_pwait2(fd, p[1], a[2], p[3], p[4]);
#endif

	case SYS_close: return close(fd);
	case SYS_close_range: return close_range(a[0], a[1], a[2]);
	case SYS_dup: return dup(fd);
#ifdef SYS_dup2
	case SYS_dup2: return dup2(fd, a[1]);
#endif
	case SYS_dup3: return dup3(fd, a[1], a[2]);
	case SYS_fcntl: return fcntl(fd, a[1], a[2]);
	case SYS_ioctl: return ioctl(fd, a[1], a[2]);
	case SYS_pidfd_getfd: return pidfd_getfd(fd, a[1], a[2]);

#ifdef SYS_fork
	case SYS_fork:
#endif
#ifdef SYS_clone3
	case SYS_clone3:
#endif
	case SYS_clone: return fork_by_number(number, a);

	case SYS_execve: return execve(p[0], p[1], p[2]);
	case SYS_execveat: return execveat(fd, p[1], p[2], p[3], a[4]);
	case SYS_exit_group: _exit(a[0]);
#ifdef SYS_getrlimit
	case SYS_getrlimit: return getrlimit(a[0], p[1]);
	case SYS_setrlimit: return setrlimit(a[0], p[1]);
#endif
	case SYS_prlimit64: return prlimit64(a[0], a[1], p[2], p[3]);

	case SYS_io_uring_setup:
		if (is_refused())
			return outcome_report(OUTCOME_ERRNO - ENOSYS, true);
		break;
	case SYS_io_submit:
		if (submits_session(a))
			return outcome_report(OUTCOME_ERRNO - ENOSYS, true);
		break;
	}
	return pass(number, a);
}

DOOR long syscall(long number, ...)
{
	long a[6];
	va_list arguments;
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	if (!table_size || real_is_behind(__builtin_return_address(0)))
		return pass(number, a);
	/* In a vfork's child these leave the parent's thread as it is. */
	if (number == SYS_execve || number == SYS_execveat || number == SYS_exit_group)
		return enter(number, a);
	/* The doors are cancellation points as their calls are, syscall(2) is none. */
	int before;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	long result = enter(number, a);
	pthread_setcancelstate(before, NULL);
	return result;
}

/*
 * RTLD_DEEPBIND would let a library find libc before us.  A plain jump, so that the caller's own
 * library path is the one that is searched: dlopen(3) looks at its return address.
 */
DOOR void *dlopen(const char *file, int mode)
{
	if (table_size)
		mode &= ~RTLD_DEEPBIND;
	return real.dlopen(file, mode);
}
