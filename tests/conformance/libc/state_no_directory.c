/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where nothing can be written down, connections are what they are elsewhere: also in a fork's
 * child, and in one of vfork. */
#include "../processes.h"

static char text[64], much[40000];

static void still_works(const struct pair *p)
{
	T(write(p->c, "still", 5));
	T(read_exact(p->s, text, 5));
	T(write(p->s, "works", 5));
	T(read_exact(p->c, text, 5));
}

static void forks(const struct pair *p)
{
	T(write(p->c, "to it!", 6));
	pid_t child = fork_watched();
	if (child == 0) {
		T(write(p->s, "from the child", 14));
		T(read_exact(p->s, text, 6));
		MUST(write_all(p->s, much, sizeof(much)));
		_exit(0);
	}
	MUST(read_exact(p->c, text, 14));
	MUST(read_exact(p->c, much, sizeof(much)));
	say_wait("child", child);
	say("%.14s", text);
}

static void vforks(const struct pair *p)
{
	pid_t child = vfork();
	if (child == 0) {
		close(p->s);
		T(write(p->c, "from the child", 14));
		_exit(0);
	}
	say_wait("child", child);
	T(read_exact(p->s, text, 14));
	say("%.14s", text);
}

static void starts(const struct pair *p)
{
	static char *cat[] = {"cat", NULL};
	pid_t child = vfork();
	if (child == 0) {
		dup2(p->s, STDIN_FILENO);
		dup2(p->s, STDOUT_FILENO);
		execvp("cat", cat);
		_exit(127);
	}
	close(p->s);
	echoes(p->c, child);
	close(p->c);
	close(p->l);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc == 1) {
		MUST(setenv("SLEEVE_RUNDIR", "/proc/none", 1));
		MUST(execl("/proc/self/exe", "program", "again", NULL));
	}
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	step("fork");
	forks(&p);
	still_works(&p);
	step("vfork");
	vforks(&p);
	still_works(&p);
	step("another program");
	starts(&p);
	return 0;
}
