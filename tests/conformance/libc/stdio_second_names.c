/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second names that glibc has for fdopen, fclose, popen, fork and backtrace_symbols_fd. */
#include "../trace.h"

extern FILE *_IO_fdopen(int fd, const char *mode);
extern int _IO_fclose(FILE *stream);
extern FILE *_IO_popen(const char *command, const char *mode);
extern pid_t __fork(void);
extern void __backtrace_symbols_fd(void *const *frames, int count, int fd);

static void stream(const struct pair *p)
{
	char line[100] = "";
	step("a stream");
	FILE *f = _IO_fdopen(p->c, "r+");
	if (!f)
		trace_die("_IO_fdopen");
	T(fprintf(f, "%s %d\n", "hello", 1));
	T(fflush(f));
	T(read_exact(p->s, line, 8));
	say_sum("s got", line, 8);
	T(write(p->s, "answer\n", 7));
	say("%s", fgets(line, sizeof(line), f) ? line : "NOTHING");
	T(_IO_fclose(f));
	T(read(p->s, line, sizeof(line)));
}

static void frames(const struct pair *p)
{
	char line[200] = "";
	void *here[] = {(void *)frames};
	step("frames");
	__backtrace_symbols_fd(here, 1, p->c);
	T(wait_for(p->s, POLLIN) == POLLIN);
	ssize_t got = read(p->s, line, sizeof(line) - 1);
	say("%s", got > 0 && strstr(line, "stdio_second_names") ? "a frame" : "NO FRAME");
}

static void child(const struct pair *p)
{
	char text[8] = "";
	step("a child");
	pid_t pid = __fork();
	if (pid == 0) {
		watchdog_start();
		_exit(write_all(p->c, "child", 5) != 5);
	}
	say_wait("child", pid);
	T(read_exact(p->s, text, 5));
	say("%s", text);
	T(write(p->c, "parent", 6));
	T(read_exact(p->s, text, 6));
	say("%s", text);
}

static void program(void)
{
	char line[8] = "";
	step("a program");
	FILE *f = _IO_popen("echo line", "r");
	say("%s", f && fgets(line, sizeof(line), f) ? line : "NOTHING");
	T(pclose(f));
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	child(&p);
	program();
	frames(&p);
	stream(&p);
	return 0;
}
