/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sequences of operations as data: made from a seed, printed, read back. */
#ifndef MODEL_SEQUENCE_H
#define MODEL_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROCESSES = 3, NAMES = 3, SETS = 3, MOST_OPS = 128, MOST_TEXT = MOST_OPS * 80 };

/* A verb and the ways to do it. */
#define VERBS(X) \
	X(write, "write writev send sendto sendmsg sendmmsg pwritev2 sendfile sendfile_at splice " \
	         "syscall") \
	X(read, "read readv recv recvfrom recvmsg recvmmsg preadv2 preadv64v2 read_chk recv_chk " \
	        "recvfrom_chk syscall splice") \
	X(bulk, "poll select level edge both child") \
	X(ask, "poll ppoll select pselect fionread error peer state") \
	X(watch, "in inout edge_in edge oneshot edge_oneshot exclusive del") \
	X(wait, "epoll_wait epoll_pwait epoll_pwait2 nested") \
	X(name, "dup dupfd dupfd_cloexec dup2 dup3 over_other over_same cover") \
	X(close, "close syscall close_range") \
	X(shut, "rd wr rdwr") \
	X(option, "nonblock fionbio nodelay cork lowat rcvtimeo linger") \
	X(fork, "fork") \
	X(exit, "exit kill")

enum verb {
#define X(name, ways) VERB_##name,
	VERBS(X)
#undef X
	VERB_COUNT
};

#define FLAGS(X) X(peek) X(waitall) X(dontwait) X(trunc) X(more) X(nosignal) X(last)

enum flag_bit {
#define X(name) FLAG_BIT_##name,
	FLAGS(X)
#undef X
	FLAG_BITS
};

enum flag {
#define X(name) FLAG_##name = 1 << FLAG_BIT_##name,
	FLAGS(X)
#undef X
};

/*
 * As text "1b0 read recvmsg 1500 cut=3 peek !77": in process 1, by name 0 of end b.  What `size`
 * and `cut` mean depends on the verb; `faults` is the seed of the faults during this operation.
 * Every list is a program: what makes no sense at its place is skipped when it is run.
 */
struct op {
	uint8_t process, end, name, verb, how;
	uint16_t flags;
	uint32_t size, cut, faults;
};

struct sequence {
	unsigned count;
	struct op op[MOST_OPS];
};

/* The same seed makes the same sequence, for ever; with faults or without. */
void sequence_make(struct sequence *s, uint64_t seed, bool faults);

/* What an operation does, by name: "recvmsg". */
const char *op_how(const struct op *op);
int op_print(const struct op *op, char *text, size_t size);

/* Operations are parted by `;` or the end of a line. */
void sequence_print(const struct sequence *s, char *text, size_t size, char part);
/* False: not a sequence; *where then points to what is none. */
bool sequence_parse(struct sequence *s, char *text, const char **where);

#endif
