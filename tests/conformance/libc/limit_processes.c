/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program that may not fork any more (RLIMIT_NPROC) hands connections on, as Dovecot's does. */
#include "../trace.h"

#include <sys/resource.h>
#include <sys/syscall.h>

enum { NOBODY = 65534 };

static void pass(int to, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec v = {"f", 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
	                   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	T(sendmsg(to, &m, 0));
}

static int take(int from)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	int fd = -1;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
	                   .msg_controllen = sizeof(control)};
	MUST(recvmsg(from, &m, 0));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c)
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

static void say_limit(void)
{
	struct rlimit l = {0}, again = {0};
	T(getrlimit(RLIMIT_NPROC, &l));
	say("limit %ld %ld", (long)l.rlim_cur, (long)l.rlim_max);
	syscall(SYS_prlimit64, 0, RLIMIT_NPROC, NULL, &again);
	say("again %ld %ld", (long)again.rlim_cur, (long)again.rlim_max);
}

static void lower(void)
{
	struct rlimit l = {3, 3}, old = {0};
	T(setrlimit(RLIMIT_NPROC, &l));
	say_limit();
	l = (struct rlimit){0, 2};
	T(prlimit(0, RLIMIT_NPROC, &l, &old));
	say("old %ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
	l.rlim_cur = 1;
	T(setrlimit(RLIMIT_NPROC, &l));
	l.rlim_max = 1;
	T(setrlimit64(RLIMIT_NPROC, (struct rlimit64 *)&l));
	l.rlim_cur = 2;
	T(setrlimit(RLIMIT_NPROC, &l));
	say_limit();
	T(fork());
}

static void forbidden(int to)
{
	char buffer[10];
	struct pair p = pair_open(AF_INET);

	if (getuid() == 0)
		MUST(setuid(NOBODY));
	step("limits");
	lower();
	step("a connection is passed on");
	pass(to, p.s);
	T(close(p.s));
	T(write(p.c, "over there", 10));
	T(read_exact(p.c, buffer, 10));
	say("%.10s", buffer);
	T(shutdown(p.c, SHUT_WR));
	T(read(p.c, buffer, 1));
	T(fork());
	say_limit();
	step("more is asked for");
	struct rlimit more = {1, 4};
	T(prlimit(0, RLIMIT_NPROC, &more, NULL));
	say_limit();
}

/* What a program that is started has. */
static void starts(void)
{
	if (getuid() == 0)
		MUST(setuid(NOBODY));
	struct rlimit l = {1, 1};
	MUST(setrlimit(RLIMIT_NPROC, &l));
	execl("/bin/bash", "bash", "-c", "ulimit -Su; ulimit -Hu", NULL);
	_exit(1);
}

int main(void)
{
	char buffer[100];
	int channel[2];

	watchdog_start();
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
	pid_t child = fork_watched();
	if (child == 0) {
		forbidden(channel[0]);
		_exit(0);
	}
	close(channel[0]);
	int fd = take(channel[1]);
	ssize_t got;
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		write_all(fd, buffer, (size_t)got);
	close(fd);
	say_wait("forbidden", child);
	step("a program is started");
	child = fork_watched();
	if (child == 0)
		starts();
	say_wait("bash", child);
	return 0;
}
