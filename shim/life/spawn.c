/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the calls in which libc itself starts a program. */
#include "shim/life/door.h"

#include "shim/life/carrier.h"
#include "shim/life/environment.h"
#include "shim/life/exec.h"

#include <unistd.h>

/*
 * A list of actions may be made before the connection is, and used for many (posix_spawn(3)): what
 * it copies is looked at again when it is used.  An entry is the list's address and the number, so
 * that it is written in one go; where all are taken, one makes room.
 */
enum { PLANS = 1024, NUMBER_BITS = 20 };
static uint64_t plans[PLANS];
static unsigned planned;

static uint64_t plan_of(const posix_spawn_file_actions_t *actions, int fd)
{
	return (uint64_t)(uintptr_t)actions / sizeof(void *) << NUMBER_BITS | (unsigned)fd;
}

static void plan(const posix_spawn_file_actions_t *actions, int fd)
{
	if ((unsigned)fd >= table_size)
		return;
	unsigned next = __atomic_fetch_add(&planned, 1, __ATOMIC_RELAXED);
	for (unsigned i = next; i - next < PLANS; i++) {
		uint64_t none = 0;
		if (__atomic_compare_exchange_n(&plans[i % PLANS], &none, plan_of(actions, fd),
		                                false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return;
	}
	__atomic_store_n(&plans[next % PLANS], plan_of(actions, fd), __ATOMIC_RELAXED);
}

static void forget_plans(const posix_spawn_file_actions_t *actions)
{
	for (int i = 0; i < PLANS && planned; i++) {
		uint64_t now = __atomic_load_n(&plans[i], __ATOMIC_RELAXED);
		if (now && now >> NUMBER_BITS == plan_of(actions, 0) >> NUMBER_BITS)
			__atomic_compare_exchange_n(&plans[i], &now, 0, false, __ATOMIC_RELAXED,
			                            __ATOMIC_RELAXED);
	}
}

/* 0, or the error: one of them is a session by now, and may not be carried. */
static int carry_planned(const posix_spawn_file_actions_t *actions)
{
	int saved = errno, error = 0;
	for (int i = 0; actions && i < PLANS && planned && !error; i++) {
		uint64_t now = __atomic_load_n(&plans[i], __ATOMIC_RELAXED);
		int fd = (int)(now & ((1 << NUMBER_BITS) - 1));
		if (now && now == plan_of(actions, fd) && table_get(fd) &&
		    !carrier_wanted(fd, "handing it to another program"))
			error = errno;
	}
	errno = saved;
	return error;
}

DOOR int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
	forget_plans(actions);
	return real.posix_spawn_file_actions_init(actions);
}

DOOR int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
	forget_plans(actions);
	return real.posix_spawn_file_actions_destroy(actions);
}

/* The child that libc makes runs on our memory for a moment and touches nothing of ours. */
DOOR int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	int refused = carry_planned(actions);
	if (refused)
		return refused;
	ENVIRONMENT_KEPT(kept, envp);
	exec_guard();
	return exec_unguard(real.posix_spawn(pid, path, actions, attributes, argv, kept));
}

DOOR int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	int refused = carry_planned(actions);
	if (refused)
		return refused;
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
	int refused = carry_planned(actions);
	if (refused)
		return refused;
	ENVIRONMENT_KEPT(kept, envp);
	exec_guard();
	return spawned(real.pidfd_spawn(pidfd, path, actions, attributes, argv, kept), pidfd);
}

DOOR int pidfd_spawnp(int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	if (!real.pidfd_spawnp)
		return ENOSYS;
	int refused = carry_planned(actions);
	if (refused)
		return refused;
	ENVIRONMENT_KEPT(kept, envp);
	exec_guard();
	return spawned(real.pidfd_spawnp(pidfd, file, actions, attributes, argv, kept), pidfd);
}

/* The program gets what a carrier gives. */
DOOR int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int to)
{
	int saved = errno;
	plan(actions, fd); /* also a session: the next one may have its number */
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
