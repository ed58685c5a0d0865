/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: forks beside threads that are in the middle of a close are what this is about */
/* Another thread closes or moves a number as the process forks: the child has it or has it not. */
#include "../processes.h"
#include "../tasks.h"

enum { ROUNDS = 60, OTHER = 50, STEP = 200 /* us */ };

static struct pair p;
static volatile int turn;

static void pass_time(int round)
{
	turn = 1;
	usleep((useconds_t)(round % 20 * STEP));
}

static void closes(void *round)
{
	pass_time(*(int *)round);
	close(p.c);
}

static void moves(void *round)
{
	pass_time(*(int *)round);
	dup2(p.c, OTHER);
	close(p.c);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_free(int fd)
{
	int pair[2];
	char byte;
	MUST(pipe(pair));
	MUST(dup2(pair[0], fd));
	bool works = write(pair[1], "p", 1) == 1 && read(fd, &byte, 1) == 1;
	close(pair[0]);
	close(pair[1]);
	return works;
}

/* What it has it may use, unless that was closed before. */
static int child(void)
{
	int fds[] = {p.c, OTHER}, failed = 0;
	bool has[] = {is_open(fds[0]), is_open(fds[1])};
	for (int i = 0; i < 2; i++)
		if (has[i])
			write(fds[i], "child", 5);
	for (int i = 0; i < 2; i++)
		failed += !has[i] && !is_free(fds[i]);
	return failed;
}

/* Words of a child's, whole, and the end. */
static bool is_clean(void)
{
	char buffer[16];
	ssize_t got;
	while ((got = read_exact(p.s, buffer, 5)) == 5)
		if (memcmp(buffer, "child", 5))
			return false;
	return got == 0;
}

static void run(const char *name, void (*other)(void *))
{
	int failed = 0, clean = 0;
	step(name);
	for (int i = 0; i < ROUNDS; i++) {
		struct task t;
		int status = 0;
		p = pair_open(AF_INET);
		turn = 0;
		task_start(&t, other, &i);
		while (!turn)
			sched_yield();
		pid_t pid = fork_watched();
		if (pid == 0)
			_exit(child());
		task_join(&t);
		waitpid(pid, &status, 0);
		failed += status != 0;
		close(OTHER);
		clean += is_clean();
		close(p.s);
		close(p.l);
	}
	say("%d children failed, %d of %d clean", failed, clean, ROUNDS);
}

int main(void)
{
	watchdog_start();
	touch_memory();
	run("closed", closes);
	run("moved", moves);
	return 0;
}
