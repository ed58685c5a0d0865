/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exec from a thread while another reads: it fails, and nothing changes; then it does not fail. */
#include "../tasks.h"

static struct pair p;
static char *const nothing[] = {"true", NULL};

static void fail_to_exec(void *argument)
{
	(void)argument;
	for (int i = 0; i < 20; i++) {
		execv("/nowhere/at/all", nothing);
		MUST(write(p.c, "still here", 10));
	}
}

static void exec_now(void *argument)
{
	(void)argument;
	execv("/bin/true", nothing);
}

static void be_child(void)
{
	struct task t;
	char buffer[10];
	close(p.s);
	close(p.l);
	task_start(&t, fail_to_exec, NULL);
	MUST(read_exact(p.c, buffer, 2));
	task_join(&t);
	MUST(write_all(p.c, "last words", 10));
	task_start(&t, exec_now, NULL);
	read_exact(p.c, buffer, 1);
	pause();
}

int main(void)
{
	char buffer[210];

	watchdog_start();
	p = pair_open(AF_INET);
	fcntl(p.c, F_SETFD, FD_CLOEXEC);
	pid_t child = fork_watched();
	if (child == 0)
		be_child();
	close(p.c);
	T(read_exact(p.s, buffer, 200));
	say_sum("from the thread", buffer, 200);
	T(write(p.s, "go", 2));
	T(read_exact(p.s, buffer, 10));
	say("%.10s", buffer);
	T(read(p.s, buffer, 1));
	say_wait("child", child);
	return 0;
}
