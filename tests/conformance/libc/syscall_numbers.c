/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection made, asked about, used and ended by numbers of system calls alone. */
#include "../trace.h"

#include <sys/syscall.h>

static char text[64];

/* An echo once, by libc's names and in another process, which says where. */
static void serve(int to)
{
	int l = listen_on(AF_INET, 1);
	union address a = address_of(l);
	MUST(write(to, &a.in.sin_port, sizeof(a.in.sin_port)));
	int s = (int)MUST(accept(l, NULL, NULL));
	ssize_t got = read(s, text, sizeof(text));
	MUST(write(s, text, (size_t)got));
	_exit(read(s, text, 1) != 0);
}

/* Nothing before this has made a socket in this process. */
static void first_of_all(void)
{
	union address a = loopback(AF_INET);
	int where[2];
	step("first of all");
	MUST(pipe(where));
	pid_t child = fork_watched();
	if (child == 0)
		serve(where[1]);
	MUST(read(where[0], &a.in.sin_port, sizeof(a.in.sin_port)));
	long c = MUST(syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L));
	T(syscall(SYS_connect, c, &a, (long)sizeof(a.in)));
	T(syscall(SYS_write, c, "echo", 4L));
	T(syscall(SYS_read, c, text, sizeof(text)));
	say("%.4s", text);
	T(syscall(SYS_close, c));
	say_wait("server", child);
}

static long accept_by_number(int l, bool old)
{
#ifdef SYS_accept
	if (old)
		return syscall(SYS_accept, (long)l, NULL, NULL);
#endif
	(void)old;
	return syscall(SYS_accept4, (long)l, NULL, NULL, 0L);
}

static struct pair by_numbers(bool old)
{
	struct pair p;
	union address a = loopback(AF_INET), b;
	socklen_t length = sizeof(a);
	step("both ends");
	p.l = (int)MUST(syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L));
	p.c = (int)MUST(syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L));
	T(syscall(SYS_bind, (long)p.l, &a, (long)sizeof(a.in)));
	T(syscall(SYS_listen, (long)p.l, 4L));
	T(syscall(SYS_getsockname, (long)p.l, &a, &length));
	T(syscall(SYS_connect, (long)p.c, &a, (long)sizeof(a.in)));
	p.s = (int)MUST(accept_by_number(p.l, old));
	length = sizeof(b);
	T(syscall(SYS_getpeername, (long)p.c, &b, &length));
	say("its peer: %d", length == sizeof(b.in) && a.in.sin_port == b.in.sin_port);
	return p;
}

/* As settle() does, which uses other calls. */
static void settle_by_numbers(const struct pair *p)
{
	char byte = 'x';
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		watchdog_start();
		MUST(syscall(SYS_write, (long)p->c, &byte, 1L));
		MUST(syscall(SYS_read, (long)p->c, &byte, 1L));
		_exit(0);
	}
	T(syscall(SYS_read, (long)p->s, &byte, 1L));
	T(syscall(SYS_write, (long)p->s, &byte, 1L));
	say_wait("child", child);
}

static void options(const struct pair *p)
{
	int value = 1;
	socklen_t length = sizeof(value);
	step("options");
	T(syscall(SYS_setsockopt, (long)p->c, (long)IPPROTO_TCP, (long)TCP_NODELAY, &value,
	          (long)sizeof(value)));
	value = 0;
	T(syscall(SYS_getsockopt, (long)p->c, (long)IPPROTO_TCP, (long)TCP_NODELAY, &value,
	          &length));
	say("no delay: %d", value != 0);
	T(syscall(SYS_getsockopt, (long)p->c, (long)SOL_SOCKET, (long)SO_ERROR, &value, &length));
	say("error: %d", value);
}

/* One end says it by `put`, the other hears it by `get`; all that is there. */
#define SAYS(put, get)                                                                             \
	do {                                                                                       \
		memset(text, 0, sizeof(text));                                                     \
		T(put);                                                                            \
		wait_arrived(c, s);                                                                \
		T(get);                                                                            \
		say("%s", text);                                                                   \
	} while (0)

static void there_and_back(const struct pair *p)
{
	long c = p->c, s = p->s, file = MUST(open("numbers", O_RDWR | O_CREAT | O_TRUNC, 0600));
	struct iovec from = {"words", 5}, to = {text, sizeof(text)};
	struct mmsghdr out = {{.msg_iov = &from, .msg_iovlen = 1}, 0};
	struct mmsghdr in = {{.msg_iov = &to, .msg_iovlen = 1}, 0};
	int ends[2];
	step("there and back");
	MUST(pipe(ends));
	MUST(write(ends[1], "pipe", 4));
	MUST(write((int)file, "file", 4));
	MUST(lseek((int)file, 0, SEEK_SET));
	SAYS(syscall(SYS_write, c, "write", 5L), syscall(SYS_read, s, text, sizeof(text)));
	SAYS(syscall(SYS_writev, c, &from, 1L), syscall(SYS_readv, s, &to, 1L));
	SAYS(syscall(SYS_pwritev2, c, &from, 1L, -1L, -1L, 0L),
	     syscall(SYS_preadv2, s, &to, 1L, -1L, -1L, 0L));
	SAYS(syscall(SYS_sendto, c, "send", 4L, 0L, NULL, 0L),
	     syscall(SYS_recvfrom, s, text, sizeof(text), 0L, NULL, NULL));
	SAYS(syscall(SYS_sendmsg, c, &out, 0L), syscall(SYS_recvmsg, s, &in, 0L));
	SAYS(syscall(SYS_sendmmsg, c, &out, 1L, 0L), syscall(SYS_recvmmsg, s, &in, 1L, 0L, NULL));
	SAYS(syscall(SYS_sendfile, c, file, NULL, 4L), read(p->s, text, sizeof(text)));
	SAYS(syscall(SYS_splice, (long)ends[0], NULL, c, NULL, 4L, 0L),
	     syscall(SYS_splice, s, NULL, (long)ends[1], NULL, 4L, 0L));
	T(read(ends[0], text, sizeof(text)));
	say("%s", text);
	close(ends[0]);
	close(ends[1]);
	close((int)file);
}

/* Whatever the number of a copy, it names the same connection. */
static void copies(const struct pair *p)
{
	long c = p->c, s = p->s, copy = MUST(syscall(SYS_dup, c)), other = 70;
	int unread = 0;
	step("copies");
#ifdef SYS_dup2
	T(syscall(SYS_dup2, copy, other));
	SAYS(syscall(SYS_write, other, "dup2", 4L), read(p->s, text, 4));
#endif
	SAYS(syscall(SYS_write, copy, "copy", 4L), syscall(SYS_ioctl, s, FIONREAD, &unread));
	say("%d unread", unread);
	T(read_exact(p->s, text, 4));
	T(syscall(SYS_dup3, copy, other + 1, 0L));
	SAYS(syscall(SYS_write, other + 1, "dup3", 4L), read(p->s, text, 4));
	T(syscall(SYS_fcntl, copy, F_DUPFD, other + 2) == other + 2);
	SAYS(syscall(SYS_write, other + 2, "fcntl", 5L), read(p->s, text, 5));
	T(syscall(SYS_close_range, other, other + 2, 0L));
	T(syscall(SYS_close, copy));
}

/* An option that a kernel may not have, and a session has not. */
static void peeks(const struct pair *p)
{
	long zero = 0;
	step("peeking");
	int error = errno;
	bool set = syscall(SYS_setsockopt, (long)p->s, (long)SOL_SOCKET, (long)SO_PEEK_OFF, &zero,
	                   (long)sizeof(int)) == 0;
	errno = error;
	T(syscall(SYS_write, (long)p->c, "peeked", 6L));
	MUST(recv(p->s, text, set ? 3 : 6, MSG_PEEK | MSG_WAITALL));
	if (set)
		MUST(recv(p->s, text + 3, 3, MSG_PEEK | MSG_WAITALL));
	say("%.6s", text);
	T(read_exact(p->s, text, 6));
	T(write(p->c, "more", 4));
	T(read_exact(p->s, text, 4));
}

/* A program that is started takes no connection along but what it can use. */
static void other_image(const struct pair *p, bool at)
{
	static char *argv[] = {"true", NULL}, *none[] = {NULL};
	step(at ? "execveat" : "execve");
	pid_t child = fork_watched();
	if (child == 0) {
		close(p->s);
		close(p->l);
		MUST(syscall(SYS_write, (long)p->c, "before", 6L));
		syscall(SYS_execve, "/nowhere/at/all", argv, none);
		say("%s", strerrorname_np(errno));
		MUST(syscall(SYS_write, (long)p->c, "after", 5L));
		fcntl(p->c, F_SETFD, FD_CLOEXEC);
		if (at)
			syscall(SYS_execveat, (long)AT_FDCWD, "/bin/true", argv, none, 0L);
		else
			syscall(SYS_execve, "/bin/true", argv, none);
		_exit(127);
	}
	say_wait("child", child);
	T(read_exact(p->s, text, 11));
	say("%.11s", text);
}

/* The last one that has a connection, and starts a program or ends: its peer hears the end. */
static void goodbye(const struct pair *p, long how)
{
	static char *argv[] = {"true", NULL}, *none[] = {NULL};
	int ready[2];
	step("the last one");
	MUST(pipe(ready));
	pid_t child = fork_watched();
	if (child == 0) {
		close(p->s);
		close(p->l);
		fcntl(p->c, F_SETFD, FD_CLOEXEC);
		read(ready[0], text, 1);
		if (how == SYS_execve)
			syscall(how, "/bin/true", argv, none);
		else if (how == SYS_execveat)
			syscall(how, (long)AT_FDCWD, "/bin/true", argv, none, 0L);
		else
			syscall(how, 7L);
		_exit(127);
	}
	T(syscall(SYS_close, (long)p->c));
	MUST(write(ready[1], "", 1));
	T(read(p->s, text, 1));
	say_wait("child", child);
	close(p->s);
	close(p->l);
}

/* The last name of a connection, closed in a range. */
static void range(const struct pair *p)
{
	step("a range");
	T(syscall(SYS_shutdown, (long)p->s, (long)SHUT_WR));
	T(read(p->c, text, 1));
	T(syscall(SYS_close_range, (long)p->c, (long)p->c, 0L));
	T(read(p->s, text, 1));
	close(p->s);
	close(p->l);
}

int main(void)
{
	watchdog_start();
	first_of_all();
	struct pair p = by_numbers(false);
	settle_by_numbers(&p);
	there_and_back(&p);
	copies(&p);
	options(&p);
	peeks(&p);
	other_image(&p, false);
	other_image(&p, true);
	goodbye(&p, SYS_execve);
	p = by_numbers(true);
	settle_by_numbers(&p);
	goodbye(&p, SYS_exit_group);
	p = pair_open(AF_INET);
	goodbye(&p, SYS_execveat);
	p = pair_open(AF_INET);
	range(&p);
	return 0;
}
