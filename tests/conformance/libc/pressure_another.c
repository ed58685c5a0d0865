/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After EAGAIN the next write has other bytes, more or fewer: what was not taken never arrives. */
#include "../trace.h"

#define ROUNDS 6

static struct pair p;
static char out[70000];
static uint64_t written, arrived;
static size_t sent, got;

/* Offers one letter until nothing is taken; the next round has another. */
static void offer(char letter, size_t size, int how)
{
	struct iovec iov[2] = {{out, size / 3}, {out + size / 3, size - size / 3}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	memset(out, letter, size);
	for (;;) {
		ssize_t n = how == 0   ? write(p.c, out, size)
		            : how == 1 ? writev(p.c, iov, 2)
		            : how == 2 ? sendmsg(p.c, &m, MSG_NOSIGNAL)
		                       : send(p.c, out, size, MSG_DONTWAIT);
		if (n <= 0)
			break;
		written = sum_add(written, out, (size_t)n);
		sent += (size_t)n;
	}
	if (errno != EAGAIN)
		trace_die("write");
}

static void take(size_t most)
{
	static char in[30000];
	while (most) {
		ssize_t n = recv(p.s, in, most < sizeof(in) ? most : sizeof(in), MSG_DONTWAIT);
		if (n <= 0)
			return;
		arrived = sum_add(arrived, in, (size_t)n);
		got += (size_t)n;
		most -= (size_t)n;
	}
}

int main(void)
{
	static const size_t sizes[] = {70000, 5000, 16384, 1000, 65536, 3333};

	watchdog_start();
	for (int how = 0; how < 4; how++) {
		p = pair_open(AF_INET);
		set_nonblocking(p.c, how < 3);
		written = arrived = SUM;
		sent = got = 0;
		int round = 0;
		trace_step = "another after EAGAIN";
		for (; round < ROUNDS; round++) {
			offer((char)('a' + round), sizes[round], how);
			offer((char)('A' + round), 1, how);
			/* Some room, not for all that was offered; the kernel says when. */
			size_t before = got;
			while (got - before < 400000 && got < sent)
				take(50000);
		}
		MUST(shutdown(p.c, SHUT_WR));
		while (got < sent) {
			wait_readable(p.s);
			take(sizeof(out));
		}
		say("%d: %s, %s", how, got == sent ? "as many" : "NOT AS MANY",
		    arrived == written ? "equal" : "DIFFERENT");
		T(recv(p.s, out, 1, 0));
		pair_close(&p);
	}
	return 0;
}
