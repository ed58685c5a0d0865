/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the programs about processes share: cat behind a connection, forks that are slow or fail. */
#ifndef CONFORMANCE_PROCESSES_H
#define CONFORMANCE_PROCESSES_H

#include "trace.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* The other end of fd has `child`, a cat: what is said to it comes back, then the end. */
HELPER void echoes(int fd, pid_t child)
{
	char text[14];
	T(write(fd, "to the program", 14));
	T(read_exact(fd, text, 14));
	say("%.14s", text);
	T(shutdown(fd, SHUT_WR));
	T(read(fd, text, 1));
	say_wait("program", child);
}

/* fork(2) copies descriptors first, and is busy with this before the rest of memory. */
HELPER void touch_memory(void)
{
	enum { MEMORY = 64 << 20 };
	char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	                    0);
	madvise(memory, MEMORY, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < MEMORY; at += 4096)
		memory[at] = 1;
}

/* No new processes from here on by this thread, though it be root's (RLIMIT_NPROC). */
HELPER void forbid_fork(void)
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

#endif
