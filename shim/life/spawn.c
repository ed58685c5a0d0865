/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the calls in which libc itself starts a program. */
#include "shim/life/door.h"
#include "shim/life/carrier.h"
#include "shim/life/environment.h"
#include "shim/life/exec.h"

#include <unistd.h>

/* The child that libc makes runs on our memory for a moment and touches nothing of ours. */
DOOR int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	ENVIRONMENT_KEPT(kept, envp);
	exec_guard();
	return exec_unguard(real.posix_spawn(pid, path, actions, attributes, argv, kept));
}

DOOR int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	ENVIRONMENT_KEPT(kept, envp);
	exec_guard();
	return exec_unguard(real.posix_spawnp(pid, file, actions, attributes, argv, kept));
}

/* Since glibc 2.39; the pidfd is a new number here. */
static int spawned(int error, const int *pidfd)
{
	exec_unguard(0);
	if (!error && pidfd)
		descriptor_created(*pidfd);
	return error;
}

DOOR int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	if (!real.pidfd_spawn)
		return ENOSYS;
	ENVIRONMENT_KEPT(kept, envp);
	exec_guard();
	return spawned(real.pidfd_spawn(pidfd, path, actions, attributes, argv, kept), pidfd);
}

DOOR int pidfd_spawnp(int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	if (!real.pidfd_spawnp)
		return ENOSYS;
	ENVIRONMENT_KEPT(kept, envp);
	exec_guard();
	return spawned(real.pidfd_spawnp(pidfd, file, actions, attributes, argv, kept), pidfd);
}

/* The program gets what a carrier gives. */
DOOR int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int to)
{
	int saved = errno;
	if (carrier_wanted(fd, "handing it to another program"))
		return real.posix_spawn_file_actions_adddup2(actions, fd, to);
	int error = errno;
	errno = saved;
	return error;
}

DOOR int system(const char *command)
{
	exec_guard();
	return exec_unguard(real.system(command));
}

DOOR FILE *popen(const char *command, const char *mode)
{
	exec_guard();
	FILE *stream = real.popen(command, mode);
	exec_unguard(0);
	if (stream)
		descriptor_created(fileno_unlocked(stream));
	return stream;
}
