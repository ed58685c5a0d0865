/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection on standard input and output, as inetd gives it, with another program behind it. */
#include "../trace.h"

static void serve(const struct pair *p, char *const *command)
{
	MUST(dup2(p->s, STDIN_FILENO));
	MUST(dup2(p->s, STDOUT_FILENO));
	close(p->s);
	close(p->c);
	execvp(command[0], command);
	_exit(127);
}

static void echo(const char *name, size_t size, char *const *command)
{
	static char out[400000], in[400000];

	step(name);
	struct pair p = pair_open(AF_INET);
	pid_t child = fork_watched();
	if (child == 0)
		serve(&p, command);
	T(close(p.s));
	fill(out, size, 0);
	pid_t writer = fork_watched();
	if (writer == 0) {
		size_t put = (size_t)write_all(p.c, out, size);
		_exit(put != size || shutdown(p.c, SHUT_WR));
	}
	T(read_exact(p.c, in, size));
	say("%s", memcmp(in, out, size) ? "DIFFERENT" : "equal");
	T(read(p.c, in, 1));
	say_wait("writer", writer);
	say_wait("program", child);
	T(close(p.c));
	T(close(p.l));
	T(wait(NULL));
}

int main(void)
{
	char *const cat[] = {"cat", NULL};
	char *const shell[] = {"sh", "-c", "read line; echo \"$line\"; exec cat", NULL};
	char *const one[] = {"head", "-c", "5", NULL};
	char line[100];

	watchdog_start();
	echo("cat, a byte", 1, cat);
	echo("cat, much", 400000, cat);

	step("a shell reads a line and hands on the rest");
	struct pair p = pair_open(AF_INET);
	pid_t child = fork_watched();
	if (child == 0)
		serve(&p, shell);
	T(close(p.s));
	T(write(p.c, "a line\nand more", 15));
	T(shutdown(p.c, SHUT_WR));
	T(read_exact(p.c, line, 15));
	say_sum("line", line, 15);
	T(read(p.c, line, 1));
	say_wait("program", child);
	T(close(p.c));

	step("a program that ends first");
	p = pair_open(AF_INET);
	child = fork_watched();
	if (child == 0)
		serve(&p, one);
	T(close(p.s));
	T(write(p.c, "12345", 5));
	T(read_exact(p.c, line, 5));
	T(read(p.c, line, 1));
	say_wait("program", child);
	T(close(p.c));
	return 0;
}
