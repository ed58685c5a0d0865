/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pidfd_spawn and pidfd_spawnp, where libc has them: a program on a connection; else ENOSYS. */
#include "../trace.h"

#include <spawn.h>

typedef int spawn_call(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

/* Since glibc 2.39. */
extern spawn_call pidfd_spawn __attribute__((weak)), pidfd_spawnp __attribute__((weak));

static void spawn(const char *name, spawn_call *call, const char *path)
{
	char *const cat[] = {"cat", NULL};
	char text[16];
	int pidfd;
	siginfo_t info;
	posix_spawn_file_actions_t actions;
	struct pair p = pair_open(AF_INET);
	step(name);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p.s, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, p.s, STDOUT_FILENO);
	int error = call ? call(&pidfd, path, &actions, NULL, cat, environ) : ENOSYS;
	posix_spawn_file_actions_destroy(&actions);
	say("%s", error ? strerrorname_np(error) : "done");
	if (!error) {
		T(close(p.s));
		T(write(p.c, "to the program", 14));
		T(read_exact(p.c, text, 14));
		T(shutdown(p.c, SHUT_WR));
		T(read(p.c, text, 1));
		T(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED));
		T(close(pidfd));
	}
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	spawn("pidfd_spawn", pidfd_spawn, "/bin/cat");
	spawn("pidfd_spawnp", pidfd_spawnp, "cat");
	spawn("no such program", pidfd_spawn, "/no/such/program");
	return 0;
}
