/* SPDX-License-Identifier: GPL-3.0-or-later */
/* preadv2 and pwritev2 with each flag: what a socket takes, ignores and refuses. */
#include "../trace.h"

static struct pair p;
static char out[64], in[64];

static void say_result(const char *what, int flags, ssize_t n)
{
	say("%s(%#x) = %zd %s", what, (unsigned)flags, n, n < 0 ? strerrorname_np(errno) : "");
}

int main(void)
{
	static const int flags[] = {0, RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND,
	                            RWF_HIPRI | RWF_NOWAIT, RWF_DSYNC | RWF_SYNC, 0x4000,
	                            0x40000000};
	struct iovec iov[4] = {{out, 1}, {out + 1, 0}, {out + 1, 2}, {out + 3, 20}};
	struct iovec to[4] = {{in, 1}, {in + 1, 0}, {in + 1, 2}, {in + 3, 20}};

	watchdog_start();
	p = pair_open(AF_INET);
	fill(out, sizeof(out), 0);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		ssize_t n = pwritev2(p.c, iov, 4, -1, flags[i]);
		say_result("pwritev2", flags[i], n);
		if (n < 0)
			MUST(write(p.c, out, 23));
		wait_readable(p.s);
		memset(in, 0, sizeof(in));
		n = preadv2(p.s, to, 4, -1, flags[i]);
		say_result("preadv2", flags[i], n);
		if (n < 0)
			MUST(read(p.s, in, sizeof(in)));
		say_sum("got", in, 23);
		if (flags[i] & RWF_NOWAIT)
			say_result("preadv2 of nothing", flags[i],
			           preadv2(p.s, to, 4, -1, flags[i]));
	}

	step("odd vectors");
	T(preadv2(p.s, to, 0, -1, 0));
	T(preadv2(p.s, to + 1, 1, -1, 0));
	T(preadv2(p.s, to, 2000, -1, 0));
	T(pwritev2(p.c, iov, 0, -1, 0));
	T(pwritev2(p.c, iov + 1, 1, -1, 0));
	T(pwritev2(p.c, iov, 2000, -1, 0));
	T(pwritev2(p.c, iov, -1, -1, 0));
	T(pwritev2(p.c, iov, 4, -2, 0));
	T(preadv2(p.s, to, 4, -2, 0));
	T(readv(p.s, to, 2000));
	T(writev(p.c, iov, 2000));
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2000};
	T(sendmsg(p.c, &m, 0));
	T(recvmsg(p.s, &m, MSG_DONTWAIT));

	step("a full socket does not wait under RWF_NOWAIT");
	static char big[1 << 16];
	struct iovec all = {big, sizeof(big)};
	ssize_t n;
	while ((n = pwritev2(p.c, &all, 1, -1, RWF_NOWAIT)) > 0)
		;
	say_result("pwritev2", RWF_NOWAIT, n);
	return 0;
}
