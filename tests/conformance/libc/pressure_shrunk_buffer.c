/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The send buffer made smaller when it has been in use: what a write took leaves by itself. */
#include "../trace.h"

#define OFFERED 200000

/* Writes all that is taken at once, then reads it at the other end; the writer is not touched. */
static void shrink_and_write(const char *name, int family)
{
	static unsigned char out[OFFERED], in[OFFERED];
	int small = 1;
	long taken, got = 0;

	step(name);
	struct pair p = pair_open(family);
	MUST(write(p.c, out, 100));
	MUST(read_exact(p.s, in, 100));
	T(setsockopt(p.s, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	T(setsockopt(p.c, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	fill(out, OFFERED, 0);
	taken = MUST(send(p.c, out, OFFERED, MSG_DONTWAIT));
	say("some but not all: %d", taken > 0 && taken < OFFERED);
	trace_call = "read of what was taken";
	while (got < taken) {
		ssize_t n = read(p.s, in + got, (size_t)(taken - got));
		if (n <= 0)
			break;
		got += n;
	}
	say("all of it: %d, equal: %d", got == taken, !memcmp(in, out, (size_t)got));
	T(recv(p.s, in, 1, MSG_DONTWAIT));
	T(shutdown(p.c, SHUT_WR));
	T(read(p.s, in, 1));
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	shrink_and_write("IPv4", AF_INET);
	shrink_and_write("IPv6", AF_INET6);
	return 0;
}
