/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pidfd_getfd(2): a connection that another process has accepted and not used is taken from it, and
 * sockets of one's own get another number.
 */
#include "../trace.h"

#include <sys/syscall.h>

enum { KEPT = 40 };

/* Since glibc 2.36. */
extern int pidfd_getfd(int process, int number, unsigned int flags) __attribute__((weak));

/* The program again, without what is preloaded: it says where it listens, accepts, and waits. */
static void run(void)
{
	char byte;
	int l = listen_on(AF_INET, 1);
	union address a = address_of(l);
	MUST(write(STDOUT_FILENO, &a.in.sin_port, sizeof(a.in.sin_port)));
	MUST(dup2((int)MUST(accept(l, NULL, NULL)), KEPT));
	MUST(write(STDOUT_FILENO, "", 1));
	read(STDIN_FILENO, &byte, 1);
}

static pid_t start(int *in, int *out)
{
	static char *argv[] = {"again", "run", NULL}, *none[] = {NULL};
	int to[2], from[2];
	MUST(pipe2(to, O_CLOEXEC));
	MUST(pipe2(from, O_CLOEXEC));
	pid_t child = fork_watched();
	if (child == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		execve("/proc/self/exe", argv, none);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = from[0];
	return child;
}

static void own(void)
{
	char text[8];
	step("one's own");
	int l = listen_on(AF_INET, 1);
	union address a = address_of(l);
	long self = MUST(syscall(SYS_pidfd_open, (long)getpid(), 0L));
	long c = MUST(syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L));
	int early = (int)MUST(syscall(SYS_pidfd_getfd, self, c, 0L));
	MUST(connect(early, &a.any, sizeof(a.in)));
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(early, s);
	int late = (int)MUST(pidfd_getfd ? pidfd_getfd((int)self, (int)c, 0)
	                                 : syscall(SYS_pidfd_getfd, self, c, 0L));
	T(write((int)c, "one", 3));
	T(write(early, "two", 3));
	T(close((int)c));
	T(close(early));
	T(write(late, "3", 1));
	T(read_exact(s, text, 7));
	say("%.7s", text);
	T(close(late));
	T(read(s, text, 1));
}

int main(int argc, char **argv)
{
	union address a = loopback(AF_INET);
	int in, out;
	char text[16];

	(void)argv;
	watchdog_start();
	if (argc == 2) {
		run();
		return 0;
	}
	pid_t child = start(&in, &out);
	MUST(read(out, &a.in.sin_port, sizeof(a.in.sin_port)));
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(connect(c, &a.any, sizeof(a.in)));
	MUST(read(out, text, 1));
	int pidfd = (int)syscall(SYS_pidfd_open, (long)child, 0L);
	int s = (int)syscall(SYS_pidfd_getfd, (long)pidfd, (long)KEPT, 0L);
	if (s < 0) {
		say("no descriptor of another process is to be had here");
		return 77;
	}
	close(in);
	say_wait("child", child);
	settle(c, s);
	T(write(c, "question", 8));
	T(read_exact(s, text, 8));
	say("%.8s", text);
	T(write(s, "answer", 6));
	T(read_exact(c, text, 6));
	say("%.6s", text);
	T(close(c));
	T(read(s, text, 1));
	T(close(s));
	T(syscall(SYS_pidfd_getfd, (long)pidfd, (long)KEPT, 0L));
	own();
	return 0;
}
