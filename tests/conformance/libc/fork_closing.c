/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: forks beside threads that are in the middle of a close are what this is about */
/* Threads connect and close as the process forks: each connection ends once and cleanly, and what
 * the child opens is its own. */
#include "../tasks.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { THREADS = 3, MEMORY = 64 << 20 };

static struct pair p;
static volatile bool stop;
static unsigned ended, broken;

/* fork(2) copies descriptors first, and is busy with this before the rest of memory. */
static void touch_memory(void)
{
	char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	                    0);
	madvise(memory, MEMORY, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < MEMORY; at += 4096)
		memory[at] = 1;
}

static void connects(void *unused)
{
	(void)unused;
	char buffer[4];
	while (!stop) {
		struct pair own = pair_open(AF_INET);
		for (int i = 0; i < 4; i++) { /* by other numbers, which others had a moment ago */
			int moved = (int)MUST(dup(own.c));
			close(own.c);
			own.c = moved;
		}
		close(own.c);
		bool end = read(own.s, buffer, sizeof(buffer)) == 0;
		__atomic_add_fetch(end ? &ended : &broken, 1, __ATOMIC_RELAXED);
		close(own.s);
		close(own.l);
	}
}

/* No new processes from here on for this thread (fork_fails.c). */
static void forbid_fork(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog all = {sizeof(program) / sizeof(program[0]), program};
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all));
}

/* How often a child did not end with 0.  NULL: there can be none. */
static int fork_beside(const char *name, int rounds, int (*child)(void))
{
	struct task t[THREADS];
	int failed = 0;
	step(name);
	stop = false;
	for (int i = 0; i < THREADS; i++)
		task_start(&t[i], connects, NULL);
	if (!child)
		forbid_fork();
	for (int i = 0; i < rounds || ended + broken < 20; i++) {
		int status = 0;
		pid_t pid = fork();
		if (pid == 0) {
			watchdog_start();
			_exit(child());
		}
		if (pid > 0)
			waitpid(pid, &status, 0);
		failed += status != 0;
	}
	stop = true;
	for (int i = 0; i < THREADS; i++)
		task_join(&t[i]);
	return failed;
}

static void tell(int failed)
{
	say("%d children failed, some ends %d, others %u", failed, ended > 0, broken);
	ended = broken = 0;
}

static int writes(void)
{
	char buffer[8];
	return write(p.c, "child", 5) != 5 || read_exact(p.s, buffer, 5) != 5;
}

static int exits(void)
{
	return 0;
}

/* Numbers that threads had, too. */
static int pipes(void)
{
	enum { PIPES = 8 };
	int fds[2], bytes;
	char buffer[8];
	for (int i = 0; i < PIPES; i++) {
		MUST(pipe(fds));
		if (write(fds[1], "pipe", 4) != 4 || ioctl(fds[0], FIONREAD, &bytes) ||
		    bytes != 4 || read(fds[0], buffer, sizeof(buffer)) != 4)
			return 1;
	}
	return writes();
}

int main(void)
{
	char buffer[8];
	watchdog_start();
	p = pair_open(AF_INET);
	tell(fork_beside("a child at work", 200, writes));
	tell(fork_beside("one that has nothing to do", 2000, exits));
	touch_memory();
	tell(fork_beside("a child that opens others", 60, pipes));
	tell(fork_beside("none", 2000, NULL));
	T(write(p.c, "last", 4));
	T(read_exact(p.s, buffer, 4));
	T(close(p.c));
	T(read(p.s, buffer, 1));
	return 0;
}
