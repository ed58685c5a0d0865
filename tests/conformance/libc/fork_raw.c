/* SPDX-License-Identifier: GPL-3.0-or-later */
/* _Fork and clone, of which no handler is told: a session is the child's as well, like any file. */
#include "../trace.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>

static struct pair p;
static char buffer[16], stack[256 * 1024] __attribute__((aligned(16)));

/* It goes on with one end and closes the other, whose number is the next file's. */
static int be_child(void *unused)
{
	(void)unused;
	close(p.s);
	int file = open("/dev/zero", O_RDWR);
	bool good = file == p.s && read(file, buffer, 4) == 4 && write(file, "hello", 5) == 5 &&
	            write(p.c, "child", 5) == 5 && read_exact(p.c, buffer, 6) == 6 &&
	            memcmp(buffer, "parent", 6) == 0 && close(p.c) == 0;
	_exit(!good);
}

static pid_t by_fork(unsigned flags)
{
	return flags ? -1 : (pid_t)_Fork();
}

static pid_t by_clone(unsigned flags)
{
	return (pid_t)MUST(clone(be_child, stack + sizeof(stack), (int)flags | SIGCHLD, NULL));
}

static pid_t by_number(unsigned flags)
{
	return (pid_t)syscall(SYS_clone, (long)(flags | SIGCHLD), 0L, 0L, 0L, 0L);
}

static pid_t by_third(unsigned flags)
{
	struct clone_args a = {.flags = flags, .exit_signal = SIGCHLD};
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

static void try(const char *name, pid_t (*make)(unsigned flags), unsigned flags)
{
	step(name);
	p = pair_open(AF_INET);
	pid_t child = make(flags);
	if (child == 0)
		be_child(NULL);
	T(read_exact(p.s, buffer, 5));
	T(write(p.s, "parent", 6));
	say_wait("child", child);
	T(write(p.c, "I, too", 6));
	T(read_exact(p.s, buffer, 6));
	T(write(p.s, "again", 5));
	T(read_exact(p.c, buffer, 5));
	T(close(p.c));
	T(read(p.s, buffer, 1));
	close(p.s);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	try("_Fork", by_fork, 0);
	try("clone", by_clone, 0);
	try("clone by number", by_number, 0);
	try("clone3 by number", by_third, 0);
	if (getuid() == 0) {
		try("clone, into namespaces", by_clone, CLONE_NEWPID | CLONE_NEWIPC);
		try("clone by number, into namespaces", by_number, CLONE_NEWPID | CLONE_NEWIPC);
	}
	return 0;
}
