/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exec fails, again and again, while others do as they please: two threads at once, and a process
 * that closes the connection meanwhile; whoever has it has it as before. */
#include "../tasks.h"

enum { ROUNDS = 40 };
static char text[8];
static char *const program[] = {"program", NULL};
static pthread_barrier_t both; /* a thread cannot be made while another is in an exec */

static void fail_to_exec(void *path)
{
	pthread_barrier_wait(&both);
	for (int i = 0; i < 300; i++)
		execv(path, program);
}

static void goes_on(const struct pair *p)
{
	T(write(p->c, "goes on", 7));
	T(read_exact(p->s, text, 7));
	T(write(p->s, "goes on", 7));
	T(read_exact(p->c, text, 7));
	T(close(p->c));
	T(read(p->s, text, 1));
	close(p->s);
	close(p->l);
}

static void two_threads(const char *name, char *path)
{
	struct task t[2];
	int go[2], ready[2];
	step(name);
	struct pair p = pair_open(AF_INET);
	MUST(pipe2(go, O_CLOEXEC));
	MUST(pipe2(ready, O_CLOEXEC));
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.s);
		close(go[1]);
		MUST(write(ready[1], "", 1));
		read(go[0], text, 1);
		_exit(0);
	}
	close(go[0]);
	MUST(read(ready[0], text, 1));
	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		task_start(&t[i], fail_to_exec, path);
	for (int i = 0; i < 2; i++)
		task_join(&t[i]);
	close(go[1]);
	say_wait("child", child);
	goes_on(&p);
	close(ready[0]);
	close(ready[1]);
}

static void tries(int how)
{
	if (how == 0)
		execv("/nowhere/at/all", program);
	else if (how == 1)
		execvp("no-such-program-anywhere", program);
	else
		execlp("./locked", "locked", (char *)NULL);
}

/* A server's child finds no program and says so, and the server closes its copy. */
static void parent_closes(int how)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct pair p = pair_open(AF_INET);
		pid_t child = fork_watched();
		if (child == 0) {
			close(p.c);
			for (int turn = 0; turn < 20; turn++)
				tries(how);
			_exit(write_all(p.s, "sorry", 5) != 5);
		}
		close(p.s);
		if (read_exact(p.c, text, 5) != 5 || read(p.c, text, 1) != 0)
			say("NOT ALL");
		int status;
		waitpid(child, &status, 0);
		if (status)
			say("status %d", status);
		close(p.c);
		close(p.l);
	}
}

int main(void)
{
	watchdog_start();
	int fd = (int)MUST(open("script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700));
	MUST(write(fd, "no program\n", 11));
	close(fd);
	fd = (int)MUST(open("locked", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	close(fd);
	two_threads("two threads, nothing is there", "/nowhere/at/all");
	two_threads("two threads, no program", "./script");
	step("a parent that closes");
	for (int how = 0; how < 3; how++)
		parent_closes(how);
	return 0;
}
