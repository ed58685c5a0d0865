/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: forks beside threads that are in the middle of a dup are what this is about */
/* NOT address: its children run on stacks of their own, of which the library complains */
/* The last process that has a connection ends it, and no other does. */
#include "../processes.h"
#include "../tasks.h"

#include <sched.h>

static struct pair p;
static char buffer[16], stack[256 * 1024] __attribute__((aligned(16)));
static int go[2];
static volatile bool stop;

static void begin(const char *name)
{
	step(name);
	p = pair_open(AF_INET);
	MUST(pipe2(go, O_CLOEXEC));
}

static void finish(void)
{
	close(p.s);
	close(p.l);
	close(go[0]);
	close(go[1]);
}

static int says_bye(void *unused)
{
	(void)unused;
	close(p.s);
	MUST(read(go[0], buffer, 1));
	MUST(write(p.c, "bye", 3));
	return 0;
}

static void hear_bye(pid_t child)
{
	MUST(write(go[1], "x", 1));
	T(read_exact(p.s, buffer, 3));
	T(read(p.s, buffer, 1));
	say_wait("it", child);
	finish();
}

static void returns(void)
{
	begin("a clone whose function returns");
	pid_t child = (pid_t)MUST(clone(says_bye, stack + sizeof(stack), SIGCHLD, NULL));
	close(p.c);
	hear_bye(child);
}

static void execs(void)
{
	begin("an exec behind a child that was killed");
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.s);
		pid_t killed = fork();
		if (killed == 0)
			pause();
		kill(killed, SIGKILL);
		MUST(waitpid(killed, NULL, 0));
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	close(p.c);
	T(read(p.s, buffer, 1));
	say_wait("it", child);
	finish();
}

static void copies(void *unused)
{
	(void)unused;
	while (!stop)
		close(dup(p.c));
}

static void forks(void)
{
	enum { ROUNDS = 30 };
	touch_memory();
	for (int i = 0; i < ROUNDS; i++) {
		struct task t;
		begin("a fork beside a thread that copies");
		stop = false;
		task_start(&t, copies, NULL);
		pid_t child = fork_watched();
		if (child == 0) {
			MUST(read(go[0], buffer, 1));
			for (int fd = 3; fd < 100; fd++)
				close(fd);
			_exit(0);
		}
		stop = true;
		task_join(&t);
		close(p.c);
		MUST(write(go[1], "x", 1));
		T(read(p.s, buffer, 1));
		say_wait("it", child);
		finish();
	}
}

/* The number that its child has here is that of nobody outside. */
static int leaves_it_to_a_child(void *unused)
{
	(void)unused;
	pid_t pid = fork();
	while (pid > 0 && pid < 20) {
		waitpid(pid, NULL, 0);
		pid = fork();
	}
	if (pid == 0 && getpid() < 20)
		_exit(0);
	if (pid == 0)
		_exit(says_bye(NULL));
	close(p.c);
	MUST(waitpid(pid, NULL, 0));
	return 0;
}

static int leaves(void *unused)
{
	(void)unused;
	return close(p.c);
}

static pid_t elsewhere(int (*run)(void *))
{
	return (pid_t)MUST(clone(run, stack + sizeof(stack), CLONE_NEWPID | SIGCHLD, NULL));
}

static void namespaces(void)
{
	begin("a grandchild in a pid namespace");
	pid_t child = elsewhere(leaves_it_to_a_child);
	wait_asleep(child, child);
	close(p.c);
	hear_bye(child);

	begin("a child behind others that had pid namespaces of their own");
	for (int i = 0; i < 4; i++)
		MUST(waitpid(elsewhere(leaves), NULL, 0));
	child = fork_watched();
	if (child == 0)
		_exit(says_bye(NULL));
	close(p.c);
	hear_bye(child);
}

int main(void)
{
	watchdog_start();
	returns();
	execs();
	if (getuid() == 0)
		namespaces();
	forks();
	return 0;
}
