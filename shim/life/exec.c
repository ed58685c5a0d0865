/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the exec family: this process's hold on its sessions ends with its image. */
#include "shim/life/exec.h"

#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/base/process.h"
#include "shim/life/carrier.h"
#include "shim/life/environment.h"
#include "shim/life/limit.h"
#include "shim/session/session.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The new image knows nothing of the sessions: what it wrote to one would be plaintext in the
 * middle of TLS.  So what is handed on is carried (carrier_for_exec()); all other numbers of a
 * session are closed by the exec (FD_CLOEXEC), and this process's holds are given up before it, so
 * that whoever else holds the session says goodbye in time.  Both are taken back where exec fails.
 * A guest (a vfork child) has no holds, but numbers of its own.
 */
static void each_number(void (*change)(int fd))
{
	int saved = errno;
	for (int fd = 0; fd < table_end(); fd++)
		if (table_session(fd))
			change(fd);
	errno = saved;
}

static void each_session(void (*change)(int fd, uint64_t entry))
{
	if (!table_end() || process_is_guest())
		return;
	int saved = errno;
	for (int fd = 0; fd < table_end(); fd++) {
		uint64_t entry = table_get(fd);
		bool first = table_is_session(entry);
		/* A session with several names is one hold. */
		for (int before = 0; first && before < fd; before++)
			first = table_names(table_slot(entry)) == 1 || table_get(before) != entry;
		if (first)
			change(fd, entry);
	}
	errno = saved;
}

/* A bit a number. */
typedef uint64_t marks[1 << 20 >> 6];

static bool is_marked(const marks m, int fd)
{
	return (unsigned)fd < table_size &&
	       (__atomic_load_n(&m[fd >> 6], __ATOMIC_RELAXED) >> (fd & 63) & 1);
}

static void set_mark(marks m, int fd)
{
	__atomic_fetch_or(&m[fd >> 6], 1ULL << (fd & 63), __ATOMIC_RELAXED);
}

static bool take_mark(marks m, int fd)
{
	uint64_t bit = 1ULL << (fd & 63);
	return __atomic_fetch_and(&m[fd >> 6], ~bit, __ATOMIC_RELAXED) & bit;
}

/* FD_CLOEXEC is the only descriptor flag there is (fcntl(2)); what we changed. */
static marks closing;
static unsigned guards; /* threads of ours that are starting programs */

/* What the program has put somewhere, or kept open, on purpose. */
static marks given;
static bool any_given;

static void close_on_exec(int fd)
{
	bool guest = process_is_guest(); /* whose numbers are its own, and gone with it */
	if (guest && !descriptor_is(fd, table_get(fd)))
		return;
	if (real.fcntl(fd, F_GETFD) == 0 && real.fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && !guest)
		set_mark(closing, fd);
}

static void keep_on_exec(int fd)
{
	if (take_mark(closing, fd))
		real.fcntl(fd, F_SETFD, 0);
}

static bool any_guard(void)
{
	return __builtin_expect(__atomic_load_n(&guards, __ATOMIC_RELAXED), 0) != 0;
}

bool exec_closes(int fd)
{
	return (real.fcntl(fd, F_GETFD) & FD_CLOEXEC) && !exec_guarded(fd);
}

bool exec_guarded(int fd)
{
	return any_guard() && is_marked(closing, fd);
}

static void take_given(int fd)
{
	take_mark(given, fd);
}

void exec_give(int fd)
{
	if (!table_session(fd) || process_is_guest())
		return;
	__atomic_store_n(&any_given, true, __ATOMIC_RELAXED);
	set_mark(given, fd);
}

void exec_settled(int fd)
{
	bool noted = exec_guarded(fd) ||
	             (__atomic_load_n(&any_given, __ATOMIC_RELAXED) && is_marked(given, fd));
	if (!noted || process_is_guest())
		return;
	take_mark(closing, fd);
	take_mark(given, fd);
}

void exec_forked(void)
{
	if (any_given)
		each_number(take_given);
	any_given = false;
	if (!any_guard())
		return;
	guards = 0;
	each_number(keep_on_exec);
}

/* Counted also where there is no session yet: the first may come while it lasts. */
void exec_guard(void)
{
	carrier_take_postponed();
	limit_settle();
	if (!table_size)
		return;
	if (!process_is_guest())
		__atomic_fetch_add(&guards, 1, __ATOMIC_ACQ_REL);
	each_number(close_on_exec);
}

int exec_unguard(int result)
{
	if (table_size && !process_is_guest() &&
	    __atomic_sub_fetch(&guards, 1, __ATOMIC_ACQ_REL) == 0)
		each_number(keep_on_exec);
	return result;
}

/*
 * The last holder has nobody left to say goodbye for it: an exec cannot be taken back, and does not
 * come back.  So somebody else holds the session until it has succeeded or failed.  After a failure
 * we wait for that hold to be gone, lest the next exec counts on it.
 */
static __thread int until[2]; /* its end, and ours */

static void lend(int fd, uint64_t entry)
{
	if (session_is_last(entry, fd) &&
	    (until[0] || real.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, until) == 0))
		carrier_linger(fd, entry, until[0]);
	session_lend(entry);
}

static void reclaim(int fd, uint64_t entry)
{
	(void)fd;
	session_reclaim(entry);
}

/* One thread at a time, or one would take back what another counts on. */
static uint64_t trying; /* its process, for a fork copies it, and its number */

/* False: a signal handler, while the exec that it interrupts has given up all; or it takes long. */
static bool take_turn(void)
{
	uint64_t own = (uint64_t)process_id << 32 | (uint32_t)real.syscall(SYS_gettid);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = __atomic_load_n(&trying, __ATOMIC_RELAXED);
		if (now == own)
			return false;
		if (now && now >> 32 == own >> 32)
			sched_yield();
		else if (__atomic_compare_exchange_n(&trying, &now, own, false, __ATOMIC_ACQ_REL,
		                                     __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static void hand_on(int fd)
{
	if (real.fcntl(fd, F_GETFD) == 0 || exec_guarded(fd))
		carrier_for_exec(fd, is_marked(given, fd));
}

static bool has_holds(void)
{
	return table_end() && !process_is_guest();
}

/* True: has to be taken back if the exec fails. */
static bool give_up(bool wanted)
{
	bool turn = wanted && take_turn();
	if (turn)
		each_number(hand_on);
	exec_guard();
	if (!turn)
		return false;
	until[0] = until[1] = 0;
	each_session(lend);
	return true;
}

static void take_back(void)
{
	int cancelling;
	each_session(reclaim);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
	if (until[0]) {
		char none;
		real.close(until[0]);
		kernel_send(until[1], "", 1, 0);
		while (real.read(until[1], &none, 1) < 0 && errno == EINTR)
			;
		real.close(until[1]);
	}
	__atomic_store_n(&trying, 0, __ATOMIC_RELEASE);
	pthread_setcancelstate(cancelling, NULL);
}

static int failed(int result, bool gave_up)
{
	int error = errno;
	if (gave_up)
		take_back();
	errno = error;
	return exec_unguard(result);
}

/*
 * What is no program is known before.  Whoever searches a PATH by execve(2) tries most of it in
 * vain, and a child that finds nothing may tell its peer, while the parent closes: were its hold
 * given up for a moment, the parent would be the last.
 */
static bool in_vain(int dir, const char *path, int flags)
{
	struct stat s;
	int saved = errno;
	bool missing = fstatat(dir, path, &s, flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) < 0;
	bool vain = missing ? errno == ENOENT || errno == ENOTDIR
	                    : !S_ISREG(s.st_mode) || !(s.st_mode & 0111);
	errno = saved;
	return vain;
}

/* exec(3): is it in none of the folders of PATH? */
static bool nowhere(const char *file)
{
	const char *path = "/bin:/usr/bin";
	char place[PATH_MAX];
	if (strchr(file, '/'))
		return in_vain(AT_FDCWD, file, 0);
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0) {
			path = *e + 5;
			break;
		}
	for (size_t length;; path += length + 1) {
		length = strcspn(path, ":");
		int size = snprintf(place, sizeof place, "%.*s%s%s", (int)length, path,
		                    length ? "/" : "", file);
		if (size >= (int)sizeof place || !in_vain(AT_FDCWD, place, 0))
			return false;
		if (!path[length])
			return true;
	}
}

DOOR int execve(const char *path, char *const argv[], char *const envp[])
{
	ENVIRONMENT_KEPT(kept, envp);
	bool gave_up = give_up(has_holds() && !in_vain(AT_FDCWD, path, 0));
	return failed(real.execve(path, argv, kept), gave_up);
}

DOOR int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

DOOR int execvpe(const char *file, char *const argv[], char *const envp[])
{
	ENVIRONMENT_KEPT(kept, envp);
	bool gave_up = give_up(has_holds() && !nowhere(file));
	return failed(real.execvpe(file, argv, kept), gave_up);
}

DOOR int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

DOOR int fexecve(int fd, char *const argv[], char *const envp[])
{
	ENVIRONMENT_KEPT(kept, envp);
	bool gave_up = give_up(has_holds());
	return failed(real.fexecve(fd, argv, kept), gave_up);
}

DOOR int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	ENVIRONMENT_KEPT(kept, envp);
	bool gave_up = give_up(has_holds() && !in_vain(dir, path, flags));
	int result = real.execveat
		? real.execveat(dir, path, argv, kept, flags)
		: (int)real.syscall(SYS_execveat, dir, path, argv, kept, flags);
	return failed(result, gave_up);
}

/* exec(3): the list becomes a vector on the stack, as libc does it. */
#define COUNT(count, arguments, arg)                                                               \
	va_start(arguments, arg);                                                                  \
	for (count = 1; va_arg(arguments, char *); count++)                                        \
		;                                                                                  \
	va_end(arguments)

static char **fill(char **argv, const char *arg, size_t count, va_list *arguments)
{
	argv[0] = (char *)arg;
	for (size_t i = 1; i < count; i++)
		argv[i] = va_arg(*arguments, char *);
	argv[count] = NULL;
	return argv;
}

DOOR int execl(const char *path, const char *arg, ...)
{
	va_list arguments;
	size_t count;
	COUNT(count, arguments, arg);
	char *argv[count + 1];
	va_start(arguments, arg);
	fill(argv, arg, count, &arguments);
	va_end(arguments);
	return execv(path, argv);
}

DOOR int execlp(const char *file, const char *arg, ...)
{
	va_list arguments;
	size_t count;
	COUNT(count, arguments, arg);
	char *argv[count + 1];
	va_start(arguments, arg);
	fill(argv, arg, count, &arguments);
	va_end(arguments);
	return execvp(file, argv);
}

DOOR int execle(const char *path, const char *arg, ...)
{
	va_list arguments;
	size_t count;
	COUNT(count, arguments, arg);
	char *argv[count + 1];
	va_start(arguments, arg);
	fill(argv, arg, count, &arguments);
	(void)va_arg(arguments, char *);
	char *const *envp = va_arg(arguments, char *const *);
	va_end(arguments);
	return execve(path, argv, envp);
}
