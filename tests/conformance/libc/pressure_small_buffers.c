/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The smallest socket buffers there are: less than one large write fits, and all of it arrives. */
#include "../trace.h"

#define TOTAL 300000

/* Ends whose kernel buffers are as small as they get. */
static struct pair pair_small(void)
{
	struct pair p;
	int small = 1;
	p.l = listen_on(AF_INET, 8);
	MUST(setsockopt(p.l, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	MUST(setsockopt(p.l, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	union address a = address_of(p.l);
	p.c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(setsockopt(p.c, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	MUST(setsockopt(p.c, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	MUST(connect(p.c, &a.any, address_size(&a)));
	p.s = (int)MUST(accept4(p.l, NULL, NULL, SOCK_CLOEXEC));
	settle(p.c, p.s);
	return p;
}

/* One blocking write of everything against a reader who waits in one of several ways. */
static void blocking(const char *name, int how)
{
	static unsigned char out[TOTAL], in[TOTAL];
	size_t got = 0;
	step(name);
	struct pair p = pair_small();
	fill(out, TOTAL, 0);
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.s);
		_exit(write(p.c, out, TOTAL) != TOTAL);
	}
	close(p.c);
	while (got < TOTAL) {
		if (how == 1)
			wait_readable(p.s);
		size_t piece = how == 2 ? TOTAL - got : 3000;
		ssize_t n = recv(p.s, in + got, piece < TOTAL - got ? piece : TOTAL - got,
		                 how == 2 ? MSG_WAITALL : 0);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	say("got %zu, %s", got, memcmp(in, out, TOTAL) ? "DIFFERENT" : "equal");
	T(read(p.s, in, 1));
	say_wait("writer", child);
	close(p.s);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	blocking("read", 0);
	blocking("poll, read", 1);
	blocking("MSG_WAITALL", 2);

	step("one event loop");
	struct pair p = pair_small();
	pair_nonblocking(&p);
	pump("there", p.c, put_write, p.s, get_read, TOTAL, 4096);
	pump("back", p.s, put_write, p.c, get_read, TOTAL, 50000);
	return 0;
}
