/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fork fails with EAGAIN: the connections are as before, by all their names, to their end. */
#include "../trace.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* No new processes from here on, for root neither (RLIMIT_NPROC does not bind it). */
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

int main(void)
{
	char buffer[16];

	watchdog_start();
	struct pair p = pair_open(AF_INET), q = pair_open(AF_INET);
	int second = (int)MUST(dup(p.c)), third = (int)MUST(dup(p.c));
	forbid_fork();
	for (int i = 0; i < 3; i++) {
		T(fork());
		T(write(p.c, "first", 5));
		T(read_exact(p.s, buffer, 5));
		T(write(second, "second", 6));
		T(read_exact(p.s, buffer, 6));
		T(write(q.s, "other", 5));
		T(read_exact(q.c, buffer, 5));
	}

	step("the end is an end");
	T(close(p.c));
	T(close(third));
	T(write(second, "last", 4));
	T(read_exact(p.s, buffer, 4));
	T(close(second));
	T(read(p.s, buffer, 1));
	T(close(q.s));
	T(read(q.c, buffer, 1));
	return 0;
}
