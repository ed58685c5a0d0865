/* SPDX-License-Identifier: GPL-3.0-or-later */
/* posix_spawn, system, popen, vfork, fork and exec while connections are open: these go on. */
#include "../trace.h"

#include <spawn.h>

extern char **environ;
static struct pair p;
static char buffer[100];

static void still_works(void)
{
	T(write(p.c, "still", 5));
	T(read_exact(p.s, buffer, 5));
	T(write(p.s, "works", 5));
	T(read_exact(p.c, buffer, 5));
}

int main(void)
{
	char *const yes[] = {"true", NULL}, *const shell[] = {"sh", "-c", "exit 7", NULL};
	pid_t pid;

	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		say("## descriptors %s", turn ? "inherited" : "closed on exec");
		p = pair_open(AF_INET);
		if (turn) {
			MUST(fcntl(p.c, F_SETFD, 0));
			MUST(fcntl(p.s, F_SETFD, 0));
		}

		step("posix_spawn");
		/* These give an error back and may do with errno what they like. */
		say("%d", posix_spawn(&pid, "/bin/true", NULL, NULL, yes, environ));
		say_wait("true", pid);
		say("%d", posix_spawnp(&pid, "sh", NULL, NULL, shell, environ));
		say_wait("sh", pid);
		say("%d", posix_spawn(&pid, "/no/such/program", NULL, NULL, yes, environ));
		still_works();

		step("posix_spawn that closes and moves descriptors");
		posix_spawn_file_actions_t actions;
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addclose(&actions, p.s);
		posix_spawn_file_actions_addopen(&actions, p.c, "/dev/null", O_RDWR, 0);
		posix_spawn_file_actions_addclosefrom_np(&actions, 3);
		say("%d", posix_spawn(&pid, "/bin/true", &actions, NULL, yes, environ));
		say_wait("true", pid);
		still_works();

		step("system and popen");
		T(WEXITSTATUS(system("exit 3")));
		FILE *f = popen("echo line", "r");
		say("%s", fgets(buffer, sizeof(buffer), f) ? "a line" : "NOTHING");
		T(pclose(f));
		still_works();

		step("vfork, and the child closes what it knows");
		pid = vfork();
		if (pid == 0) {
			close(p.c);
			close(p.s);
			dup2(STDIN_FILENO, p.l);
			execv("/bin/true", yes);
			_exit(1);
		}
		say_wait("true", pid);
		still_works();
		pid = vfork();
		if (pid == 0)
			_exit(5);
		say_wait("vfork", pid);
		still_works();

		step("fork, close everything, exec");
		pid = fork();
		if (pid == 0) {
			closefrom(3);
			execl("/bin/sh", "sh", "-c", "exit 4", (char *)NULL);
			_exit(1);
		}
		say_wait("sh", pid);
		still_works();

		step("an exec that fails leaves all as it was");
		T(execv("/no/such/program", yes));
		T(execlp("no-such-program-anywhere", "x", (char *)NULL));
		still_works();
		int s = (int)MUST(connect_to(p.l)), t = (int)MUST(accept(p.l, NULL, NULL));
		settle(s, t);
		T(write(s, "new one", 7));
		T(read_exact(t, buffer, 7));
		close(s);
		close(t);
		pair_close(&p);
	}
	return 0;
}
