/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A vfork child puts other files where its parent has connections, and connections on other
 * numbers; the program that it starts has the files, and the connections go on. */
#include "../trace.h"

static char text[64];

static void shell(const char *format, int fd, char *const *environment)
{
	char command[64];
	char *const argv[] = {"sh", "-c", command, NULL};
	snprintf(command, sizeof(command), format, fd);
	execve("/bin/sh", argv, environment);
	_exit(127);
}

/* Its numbers are its own. */
static void files(const struct pair *p, int to)
{
	int ends[2];
	static char *none[] = {NULL};
	step(to < 0 ? "a pipe instead of a connection" : "and from there on standard output");
	MUST(pipe2(ends, O_CLOEXEC));
	MUST(fcntl(p->c, F_SETFD, 0));
	pid_t child = vfork();
	if (child == 0) {
		close(p->c);
		if (fcntl(ends[1], F_DUPFD, p->c) != p->c || (to >= 0 && dup2(p->c, to) != to))
			_exit(127);
		shell("echo from the shell >&%d", to < 0 ? p->c : to, none);
	}
	say_wait("child", child);
	close(ends[1]);
	T(read_exact(ends[0], text, 15));
	say("%.14s", text);
	T(read(ends[0], text, 1));
	close(ends[0]);
}

/* What it copies onto another number is for the program.  The program is bare. */
static void connections(const struct pair *p)
{
	static char *none[] = {NULL};
	step("a connection on another number");
	pid_t child = vfork();
	if (child == 0) {
		int copy = dup2(p->c, 9); /* the largest that a shell knows */
		shell("echo from the program >&%d", copy, none);
	}
	say_wait("child", child);
	T(read_exact(p->s, text, 17));
	say("%.16s", text);
}

/* Under TLS nobody else may write to it: what the program, which is bare, says may arrive or not,
 * but nothing may come of it.  It says nothing but c. */
static void leak(const struct pair *p)
{
	static char *none[] = {NULL};
	step("a connection that leaks");
	MUST(dup2(p->c, 9));
	pid_t child = vfork();
	if (child == 0)
		shell("exec 2>/dev/null; echo -n cccccc >&%d", 9, none);
	waitpid(child, NULL, 0);
	close(9);
	T(write(p->c, "from the parent", 15));
	T(shutdown(p->c, SHUT_WR));
	size_t got = 0;
	char byte;
	ssize_t n;
	while ((n = read(p->s, &byte, 1)) > 0)
		if (byte != 'c' && got < sizeof(text))
			text[got++] = byte;
	say("%.*s, then %zd", (int)got, text, n);
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	files(&p, -1);
	files(&p, STDOUT_FILENO);
	T(write(p.c, "still works", 11));
	T(read_exact(p.s, text, 11));
	connections(&p);
	leak(&p);
	T(write(p.s, "back", 4));
	T(read_exact(p.c, text, 4));
	pair_close(&p);
	return 0;
}
