/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: the library of ThreadSanitizer comes in between */
/* A library whose calls are system calls by number, preloaded first and last. */
#include "../trace.h"

#define LIBRARY "./interposer.so"

static const char source[] =
	"#define _GNU_SOURCE\n"
	"#include <sys/socket.h>\n"
	"#include <sys/syscall.h>\n"
	"#include <unistd.h>\n"
	"ssize_t read(int fd, void *to, size_t size) { return syscall(SYS_read, fd, to, size); }\n"
	"int accept(int fd, struct sockaddr *address, socklen_t *length)\n"
	"{ return syscall(SYS_accept4, fd, address, length, 0); }\n"
	"int dup(int fd) { return syscall(SYS_dup, fd); }\n"
	"int close(int fd) { return syscall(SYS_close, fd); }\n";

static void build(void)
{
	int fd = (int)MUST(open("interposer.c", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	MUST(write_all(fd, source, sizeof(source) - 1));
	close(fd);
	if (system("${CC:-cc} -shared -fPIC -O1 -o " LIBRARY " interposer.c")) {
		say("no compiler here builds a library");
		exit(77);
	}
}

static void again(char *self, bool first)
{
	static char list[4096];
	const char *before = getenv("LD_PRELOAD");
	if (first)
		snprintf(list, sizeof(list), LIBRARY " %s", before ? before : "");
	else
		snprintf(list, sizeof(list), "%s " LIBRARY, before ? before : "");
	setenv("LD_PRELOAD", list, 1);
	execl("/proc/self/exe", self, "run", NULL);
	trace_die("execl");
}

static void run(void)
{
	char text[16] = "";
	struct pair p = pair_open(AF_INET);
	int copy = (int)MUST(dup(p.c));
	T(write(copy, "copied", 6));
	T(read_exact(p.s, text, 6));
	say("%s", text);
	T(close(p.c));
	T(write(p.s, "back", 4));
	T(read(copy, text, 4));
	T(close(copy));
	T(read(p.s, text, 1));
	T(close(p.s));
	T(close(p.l));
}

int main(int argc, char **argv)
{
	watchdog_start();
	if (argc == 2) {
		run();
		return 0;
	}
	build();
	for (int first = 1; first >= 0; first--) {
		step(first ? "first" : "last");
		pid_t child = fork_watched();
		if (child == 0)
			again(argv[0], first);
		say_wait("program", child);
	}
	return 0;
}
