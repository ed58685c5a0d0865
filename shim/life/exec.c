/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the exec family: this process's hold on its sessions ends with its image. */
#include "shim/entry/door.h"

#include "shim/base/arena.h"
#include "shim/base/process.h"
#include "shim/session/session.h"

#include <alloca.h>
#include <stdarg.h>
#include <unistd.h>

/*
 * The new image knows nothing of the sessions.  Their holds are given up before the call, so that
 * whoever else holds them says goodbye in time, and taken back where exec fails.  A guest (a
 * vfork child) has no holds of its own.
 */
static void each_session(void (*change)(uint64_t entry))
{
	if (!table_end() || process_is_guest())
		return;
	int saved = errno;
	for (int fd = 0; fd < table_end(); fd++) {
		uint64_t entry = table_session(fd);
		bool first = entry && table_slot(entry) < ARENA_SLOTS;
		/* A session with several names is one hold. */
		for (int before = 0; first && before < fd; before++)
			first = table_names(table_slot(entry)) == 1 || table_get(before) != entry;
		if (first)
			change(entry);
	}
	errno = saved;
}

static void give_up(void)
{
	each_session(session_lend);
}

static int failed(int result)
{
	each_session(session_reclaim);
	return result;
}

DOOR int execve(const char *path, char *const argv[], char *const envp[])
{
	give_up();
	return failed(real.execve(path, argv, envp));
}

DOOR int execv(const char *path, char *const argv[])
{
	give_up();
	return failed(real.execv(path, argv));
}

DOOR int execvp(const char *file, char *const argv[])
{
	give_up();
	return failed(real.execvp(file, argv));
}

DOOR int execvpe(const char *file, char *const argv[], char *const envp[])
{
	give_up();
	return failed(real.execvpe(file, argv, envp));
}

DOOR int fexecve(int fd, char *const argv[], char *const envp[])
{
	give_up();
	return failed(real.fexecve(fd, argv, envp));
}

DOOR int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	give_up();
	return failed(real.execveat(dir, path, argv, envp, flags));
}

/* exec(3): the list becomes a vector on the stack, as libc does it. */
#define COUNT(count, arguments, arg)                                                               \
	va_start(arguments, arg);                                                                  \
	for (count = 1; va_arg(arguments, char *); count++)                                        \
		;                                                                                  \
	va_end(arguments)

static char **fill(char **argv, const char *arg, size_t count, va_list arguments)
{
	argv[0] = (char *)arg;
	for (size_t i = 1; i < count; i++)
		argv[i] = va_arg(arguments, char *);
	argv[count] = NULL;
	return argv;
}

DOOR int execl(const char *path, const char *arg, ...)
{
	va_list arguments;
	size_t count;
	COUNT(count, arguments, arg);
	char **argv = alloca((count + 1) * sizeof *argv);
	va_start(arguments, arg);
	fill(argv, arg, count, arguments);
	va_end(arguments);
	return execv(path, argv);
}

DOOR int execlp(const char *file, const char *arg, ...)
{
	va_list arguments;
	size_t count;
	COUNT(count, arguments, arg);
	char **argv = alloca((count + 1) * sizeof *argv);
	va_start(arguments, arg);
	fill(argv, arg, count, arguments);
	va_end(arguments);
	return execvp(file, argv);
}

DOOR int execle(const char *path, const char *arg, ...)
{
	va_list arguments;
	size_t count;
	COUNT(count, arguments, arg);
	char **argv = alloca((count + 1) * sizeof *argv);
	va_start(arguments, arg);
	fill(argv, arg, count, arguments);
	(void)va_arg(arguments, char *);
	char *const *envp = va_arg(arguments, char *const *);
	va_end(arguments);
	return execve(path, argv, envp);
}

/* The child that libc makes runs on our memory for a moment and touches nothing of ours. */
DOOR int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	return real.posix_spawn(pid, path, actions, attributes, argv, envp);
}

DOOR int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	return real.posix_spawnp(pid, file, actions, attributes, argv, envp);
}
