/* SPDX-License-Identifier: GPL-3.0-or-later */
/* 64 KiB stacks: every kind of call, and those with much to hold, in threads that have no more. */
#include "../tasks.h"

#include <sys/sendfile.h>

#define MANY 300

static struct pair p;
static int file, pipes[2];
static char out[60000], in[60000];

static void check(const char *what, ssize_t put, size_t size)
{
	memset(in, 0, sizeof(in));
	ssize_t got = read_exact(p.s, in, size);
	say("%s: %zd, %zd, %s", what, put, got, memcmp(in, out, size) ? "DIFFERENT" : "equal");
}

static void moves(void *argument)
{
	struct iovec iov[3] = {{out, 1}, {out + 1, 29999}, {out + 30000, 30000}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}},
	                       {.msg_hdr = {.msg_iov = iov + 2, .msg_iovlen = 1}}};
	(void)argument;
	check("writev", writev(p.c, iov, 3), 60000);
	check("sendmmsg", sendmmsg(p.c, m, 2, 0), 60000);
	check("sendfile", sendfile(p.c, file, &(off_t){0}, 60000), 60000);
	MUST(write(pipes[1], out, 60000));
	for (size_t moved = 0; moved < 60000;)
		moved += (size_t)MUST(splice(pipes[0], NULL, p.c, NULL, 60000 - moved, 0));
	check("splice", 60000, 60000);
	T(dprintf(p.c, "%s %d\n", "number", 42));
	T(read_exact(p.s, in, 10));
}

static void receives(void *argument)
{
	struct iovec iov[2] = {{in, 10}, {in + 10, 59990}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	int there = 0;
	(void)argument;
	MUST(write_all(p.c, out, 60000));
	wait_arrived(p.c, p.s);
	T(recv(p.s, in, 50000, MSG_PEEK));
	T(ioctl(p.s, FIONREAD, &there));
	say("%d", there);
	T(recvmsg(p.s, &m, MSG_WAITALL));
	say_sum("got", in, 60000);
	MUST(write_all(p.c, out, 3000));
	wait_arrived(p.c, p.s);
	T(splice(p.s, NULL, pipes[1], NULL, 3000, 0));
	T(read(pipes[0], in, sizeof(in)));
}

static void waits(void *argument)
{
	struct pollfd set[MANY];
	struct epoll_event e[64], event = {.events = EPOLLIN};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	fd_set r;
	(void)argument;
	for (int i = 0; i < MANY; i++)
		set[i] = (struct pollfd){.fd = i % 2 ? p.s : p.l, .events = POLLIN};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	T(poll(set, MANY, 0));
	MUST(write(p.c, "x", 1));
	wait_readable(p.s);
	T(poll(set, MANY, -1));
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	T(select(p.s + 1, &r, NULL, NULL, NULL));
	T(pselect(p.s + 1, &r, NULL, NULL, NULL, NULL));
	T(epoll_wait(ep, e, 64, -1));
	T(read(p.s, in, 1));
	close(ep);
}

static void comes_and_goes(void *argument)
{
	(void)argument;
	struct pair q = pair_open(AF_INET);
	int copy = (int)MUST(dup(q.c));
	T(close(q.c));
	T(write(copy, "copy", 4));
	T(read_exact(q.s, in, 4));
	T(shutdown(copy, SHUT_WR));
	T(read(q.s, in, 1));
	pid_t child = fork();
	if (child == 0)
		_exit(write(q.s, "child", 5) != 5);
	say_wait("child", child);
	T(read_exact(copy, in, 5));
	T(close(copy));
	T(close(q.s));
	T(close(q.l));
}

int main(void)
{
	static void (*const runs[])(void *) = {moves, receives, waits, comes_and_goes};
	char name[] = "/tmp/conformance.XXXXXX";

	watchdog_start();
	file = (int)MUST(mkstemp(name));
	unlink(name);
	fill(out, sizeof(out), 0);
	MUST(write(file, out, sizeof(out)));
	MUST(pipe2(pipes, O_CLOEXEC));
	p = pair_open(AF_INET);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		struct task t;
		task_start_with(&t, runs[i], NULL, 65536);
		task_join(&t);
	}
	return 0;
}
