/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A vfork child copies connections of its parent about before it starts a program with them. */
#include "../processes.h"

static char text[64];
static char *cat[] = {"cat", NULL};

enum way { DUP, F_DUP, DUP3, F_DUP_CLOEXEC, WAYS };

static void start(int in, int out)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execvp("cat", cat);
	_exit(127);
}

/* Through a number of its own, as who makes room on the low ones. */
static void through(struct pair p, enum way way)
{
	static const char *const names[] = {"dup", "F_DUPFD", "dup3", "F_DUPFD_CLOEXEC"};
	step(names[way]);
	pid_t child = vfork();
	if (child == 0) {
		int copy = way == DUP    ? dup(p.s)
		           : way == F_DUP ? fcntl(p.s, F_DUPFD, 100)
		           : way == DUP3  ? dup3(p.s, 100, O_CLOEXEC)
		                          : fcntl(p.s, F_DUPFD_CLOEXEC, 100);
		close(p.s);
		start(copy, copy);
	}
	close(p.s);
	echoes(p.c, child);
	close(p.c);
	close(p.l);
}

/* Two change places. */
static void swapped(void)
{
	struct pair p = pair_open(AF_INET), q = pair_open(AF_INET);
	step("two connections change places");
	pid_t child = vfork();
	if (child == 0) {
		int copy = dup(p.s);
		dup2(q.s, p.s);
		dup2(copy, q.s);
		start(p.s, q.s); /* from q to p */
	}
	close(p.s);
	close(q.s);
	T(write(q.c, "from q", 6));
	T(read_exact(p.c, text, 6));
	say("%.6s", text);
	T(shutdown(q.c, SHUT_WR));
	T(read(p.c, text, 1));
	say_wait("program", child);
	close(p.c);
	close(p.l);
	close(q.c);
	close(q.l);
}

/* It uses the copy itself. */
static void itself(enum way way)
{
	struct pair p = pair_open(AF_INET);
	step("used by the child");
	T(write(p.c, "question", 8));
	wait_readable(p.s);
	pid_t child = vfork();
	if (child == 0) {
		int copy = way == DUP ? dup(p.s) : fcntl(p.s, F_DUPFD_CLOEXEC, 100);
		T(read_exact(copy, text, 8));
		T(write(copy, "answer", 6));
		close(copy);
		_exit(0);
	}
	say_wait("child", child);
	T(read_exact(p.c, text, 6));
	say("%.6s", text);
	T(write(p.s, "and the parent's", 16));
	T(read_exact(p.c, text, 16));
	T(write(p.c, "still", 5));
	T(read_exact(p.s, text, 5));
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	for (int way = 0; way < WAYS; way++) {
		through(pair_open(AF_INET), way);
		through(pair_fresh(AF_INET), way);
	}
	swapped();
	itself(DUP);
	itself(F_DUP_CLOEXEC);
	return 0;
}
