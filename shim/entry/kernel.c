/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of calls that would go round the others. */
#include "shim/life/door.h"

#include "shim/base/log.h"
#include "shim/session/rulebook.h"

#include <dlfcn.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stdbool.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * syscall(2) with a number that has a door goes through the door (Node closes its sockets this
 * way); every other number passes.  The kernel's epoll_pwait, ppoll and pselect6 have a size
 * more than libc's, which the doors supply.
 */
static bool through_door(long number, const long *a, long *result)
{
	switch (number) {
	case SYS_close: *result = close((int)a[0]); return true;
	case SYS_read: *result = read((int)a[0], (void *)a[1], (size_t)a[2]); return true;
	case SYS_write: *result = write((int)a[0], (void *)a[1], (size_t)a[2]); return true;
	case SYS_readv: *result = readv((int)a[0], (void *)a[1], (int)a[2]); return true;
	case SYS_writev: *result = writev((int)a[0], (void *)a[1], (int)a[2]); return true;
	case SYS_connect: *result = connect((int)a[0], (void *)a[1], (socklen_t)a[2]); return true;
	case SYS_accept4:
		*result = accept4((int)a[0], (void *)a[1], (void *)a[2], (int)a[3]);
		return true;
	case SYS_socket: *result = socket((int)a[0], (int)a[1], (int)a[2]); return true;
	case SYS_shutdown: *result = shutdown((int)a[0], (int)a[1]); return true;
	case SYS_recvfrom:
		*result = recvfrom((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3], (void *)a[4],
		                   (void *)a[5]);
		return true;
	case SYS_sendto:
		*result = sendto((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3], (void *)a[4],
		                 (socklen_t)a[5]);
		return true;
	case SYS_recvmsg: *result = recvmsg((int)a[0], (void *)a[1], (int)a[2]); return true;
	case SYS_sendmsg: *result = sendmsg((int)a[0], (void *)a[1], (int)a[2]); return true;
	case SYS_sendmmsg:
		*result = sendmmsg((int)a[0], (void *)a[1], (unsigned)a[2], (int)a[3]);
		return true;
	case SYS_recvmmsg:
		*result = recvmmsg((int)a[0], (void *)a[1], (unsigned)a[2], (int)a[3],
		                   (void *)a[4]);
		return true;
	case SYS_dup: *result = dup((int)a[0]); return true;
	case SYS_dup3: *result = dup3((int)a[0], (int)a[1], (int)a[2]); return true;
	case SYS_fcntl: *result = fcntl((int)a[0], (int)a[1], a[2]); return true;
	case SYS_ioctl: *result = ioctl((int)a[0], (unsigned long)a[1], a[2]); return true;
	case SYS_close_range:
		*result = close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
		return true;
	case SYS_preadv2:
		*result = preadv2((int)a[0], (void *)a[1], (int)a[2], a[3], (int)a[5]);
		return true;
	case SYS_pwritev2:
		*result = pwritev2((int)a[0], (void *)a[1], (int)a[2], a[3], (int)a[5]);
		return true;
	case SYS_sendfile:
		*result = sendfile((int)a[0], (int)a[1], (void *)a[2], (size_t)a[3]);
		return true;
	case SYS_splice:
		*result = splice((int)a[0], (void *)a[1], (int)a[2], (void *)a[3], (size_t)a[4],
		                 (unsigned)a[5]);
		return true;
#ifdef SYS_accept
	case SYS_accept: *result = accept((int)a[0], (void *)a[1], (void *)a[2]); return true;
#endif
#ifdef SYS_dup2
	case SYS_dup2: *result = dup2((int)a[0], (int)a[1]); return true;
#endif
#ifdef SYS_poll
	case SYS_poll: *result = poll((void *)a[0], (nfds_t)a[1], (int)a[2]); return true;
#endif
	default:
		return false;
	}
}

/*
 * io_uring moves bytes by itself.  ENOSYS makes libraries fall back (libuv does); in a program
 * that no rule concerns it is left alone.
 */
static bool is_refused(long number)
{
	static bool said;
	if (number != SYS_io_uring_setup || !table_size || !rulebook_concerns())
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

DOOR long syscall(long number, ...)
{
	long a[6], result;
	va_list arguments;
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	if (is_refused(number) || (number == SYS_io_submit && submits_session(a)))
		return outcome_report(OUTCOME_ERRNO - ENOSYS, true);
	if (table_size && through_door(number, a, &result))
		return result;
	return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
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
