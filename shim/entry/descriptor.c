/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the descriptor family. */
#include "shim/life/door.h"

#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/life/carrier.h"
#include "shim/life/exec.h"
#include "shim/life/inherit.h"
#include "shim/life/standin.h"
#include "shim/session/record.h"
#include "shim/session/session.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

DOOR int close(int fd)
{
	if (table_get(fd) && !descriptor_ending(fd))
		return (int)door_report(OUTCOME_BAD_DESCRIPTOR, true);
	int result = real.close(fd);
	if (table_get(fd))
		descriptor_ended(fd);
	return result;
}

/* ---- ranges: our own descriptors stay, the program does not know of them --------------------- */

static __thread int range_flags;
static __thread int range_result;

static void close_stretch(unsigned first, unsigned last)
{
	int result = real.close_range ? real.close_range(first, last, range_flags) : -1;
	if (result < 0)
		range_result = result;
}

DOOR int close_range(unsigned int first, unsigned int last, int flags)
{
	if (!real.close_range)
		return (int)outcome_report(OUTCOME_ERRNO - ENOSYS, true);
	if (first > last || !table_end() || (flags & ~CLOSE_RANGE_UNSHARE))
		return real.close_range(first, last, flags);
	range_flags = flags;
	range_result = 0;
	descriptor_range_ending(first, last, close_stretch);
	return range_result;
}

DOOR void closefrom(int first)
{
	if (close_range((unsigned)(first > 0 ? first : 0), ~0U, 0) == 0)
		return;
	/* A kernel before 5.9: one by one. */
	long end = sysconf(_SC_OPEN_MAX);
	for (int fd = first > 0 ? first : 0; fd < end; fd++)
		close(fd);
}

/* ---- copies ---------------------------------------------------------------------------------- */

/*
 * stdio inside libc does not come through our doors, so a session on 0, 1 or 2 could be written
 * to in clear: it needs a carrier.
 */
static bool is_unfit(int number)
{
	return number <= STDERR_FILENO || (unsigned)number >= table_size;
}

static bool may_copy(int fd, int to)
{
	if (fd == to || to < 0)
		return true;
	return is_unfit(to) ? carrier_for_copy(fd, to) : carrier_for_guest(fd);
}

static int refuse_copy(int to)
{
	int error = errno;
	real.close(to);
	errno = error;
	return -1;
}

/* A copy whose number the kernel chose. */
static int keep_copy(int fd, uint64_t entry, int to)
{
	bool unfit = to >= 0 && (entry & 1) && is_unfit(to);
	if (!unfit)
		descriptor_copied(entry, to);
	descriptor_copying_ended(entry);
	if (!unfit)
		return to;
	if (!carrier_for_copy(fd, to))
		return refuse_copy(to);
	real.dup3(fd, to, real.fcntl(to, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
	entry = descriptor_copying(fd);
	descriptor_copied(entry, to);
	descriptor_copying_ended(entry);
	return to;
}

DOOR int dup(int fd)
{
	if (table_get(fd) == TABLE_OWN)
		return (int)door_report(OUTCOME_BAD_DESCRIPTOR, true);
	if (!carrier_for_guest(fd))
		return -1;
	uint64_t entry = descriptor_copying(fd);
	return keep_copy(fd, entry, real.dup(fd));
}

/* A number that is open already may lie above a limit that was lowered since (dup2(2), EBADF). */
static bool within_limit(int to)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_NOFILE, &limit) < 0 || (rlim_t)to < limit.rlim_cur;
}

static int duplicate(int fd, int to, int flags, bool three)
{
	if (table_get(fd) == TABLE_OWN || (to >= 0 && table_get(to) == TABLE_OWN))
		return (int)door_report(OUTCOME_BAD_DESCRIPTOR, true);
	/* Only a call that will succeed ends what `to` is now. */
	if (fd != to && table_get(to) && !(flags & ~O_CLOEXEC) && within_limit(to) &&
	    real.fcntl(fd, F_GETFD) >= 0)
		descriptor_ending(to);
	uint64_t entry = descriptor_copying(fd);
	/* Another thread may be using `to` for something else: not as a bare socket, not for a
	 * moment. */
	bool closed = fd != to && (entry & 1) && (unsigned)to < table_size && !process_is_guest() &&
	              table_change(to, 0, TABLE_CLOSING);
	int result = three ? real.dup3(fd, to, flags) : real.dup2(fd, to);
	if (closed && result < 0)
		table_change(to, TABLE_CLOSING, 0);
	if (fd != to && result >= 0)
		descriptor_copied(entry, result);
	else if (result < 0 && to >= 0 && table_get(to) == TABLE_CLOSING)
		table_change(to, TABLE_CLOSING, TABLE_REFUSED);
	descriptor_copying_ended(entry);
	if (fd != to && result >= 0 && !(flags & O_CLOEXEC))
		exec_give(result);
	return result;
}

DOOR int dup2(int fd, int to)
{
	return may_copy(fd, to) ? duplicate(fd, to, 0, false) : -1;
}

DOOR int dup3(int fd, int to, int flags)
{
	return may_copy(fd, to) ? duplicate(fd, to, flags, true) : -1;
}

/* FD_CLOEXEC is set, or cleared. */
static bool may_flag(int fd, bool closes)
{
	bool keeps = !closes && table_session(fd) && exec_closes(fd);
	exec_settled(fd);
	if (keeps)
		exec_give(fd);
	return !keeps || carrier_for_guest(fd);
}

/* fcntl(2): whatever the command takes fits a long. */
static int control(int fd, int command, long argument)
{
	if (table_get(fd) == TABLE_OWN)
		return (int)door_report(OUTCOME_BAD_DESCRIPTOR, true);
	if (command == F_SETFD && !may_flag(fd, argument & FD_CLOEXEC))
		return -1;
	if (command == F_GETFD && exec_guarded(fd) && door_entry(fd))
		return 0;
	if (command != F_DUPFD && command != F_DUPFD_CLOEXEC)
		return real.fcntl(fd, command, argument);
	if (!carrier_for_guest(fd))
		return -1;
	uint64_t entry = descriptor_copying(fd);
	return keep_copy(fd, entry, real.fcntl(fd, command, argument));
}

DOOR int fcntl(int fd, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	long argument = va_arg(arguments, long);
	va_end(arguments);
	return control(fd, command, argument);
}

DOOR int fcntl64(int fd, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	long argument = va_arg(arguments, long);
	va_end(arguments);
	return control(fd, command, argument);
}

/* Where the kernel has nothing unread there is nothing to look at but an error, which is told once:
 * to a reader. */
static int available(int fd, uint64_t entry, int unread)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return 0;
	session_advance(s, fd);
	size_t bytes = session_is_up(s) && unread ? record_available(s, fd) : 0;
	session_leave(s);
	return (int)bytes;
}

static int queued(int fd, uint64_t entry, bool unsent)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return 0;
	session_advance(s, fd);
	size_t bytes = record_queued(s, fd, unsent);
	session_leave(s);
	return (int)bytes;
}

DOOR int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	if ((request == FIOCLEX || request == FIONCLEX) && !may_flag(fd, request == FIOCLEX))
		return -1;
	uint64_t entry = door_entry(fd);
	bool session = entry & 1;
	int result = real.ioctl(fd, request, argument);
	if (result == 0 && session && request == FIONREAD)
		*(int *)argument = available(fd, entry, *(int *)argument);
	if (result == 0 && session && (request == SIOCOUTQ || request == SIOCOUTQNSD))
		*(int *)argument = queued(fd, entry, request == SIOCOUTQNSD);
	else if (result == 0 && request == SIOCOUTQ && table_size && standin_is(fd, NULL))
		*(int *)argument = 0; /* what it sees to its end, and a byte that it leaves */
	return result;
}

/* Another process's descriptor is a new number here, as one that arrives with a message is. */
DOOR int pidfd_getfd(int process, int number, unsigned int flags)
{
	int fd = (int)real.syscall(SYS_pidfd_getfd, process, number, flags);
	if (fd >= 0) {
		descriptor_created(fd);
		inherit_arrived(fd);
	}
	return fd;
}
