/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A writer that fills everything: EAGAIN, then an EPOLLOUT edge when there is room; all arrives. */
#include "../trace.h"

#define TOTAL (24 << 20)

int main(void)
{
	/* Each write comes from another place than the one before, as in real programs. */
	static unsigned char out[2][65536], in[65536];
	size_t sent = 0, got = 0, wrong = 0;
	int stopped = 0, turn = 0;

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	pair_nonblocking(&p);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event e, event = {.events = EPOLLOUT | EPOLLET};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.c, &event));
	step("waiting for an edge");
	while (got < TOTAL) {
		if (sent < TOTAL) {
			MUST(epoll_wait(ep, &e, 1, -1));
			for (;;) {
				size_t size = (size_t)(1 + (sent * 7 + 1000) % sizeof(out[0]));
				if (size > TOTAL - sent)
					size = TOTAL - sent;
				unsigned char *from = out[turn++ % 2];
				fill(from, size, sent);
				ssize_t n = size ? write(p.c, from, size) : -1;
				memset(from, 0xee, size);
				if (n <= 0)
					break;
				sent += (size_t)n;
			}
			if (sent < TOTAL && errno != EAGAIN)
				trace_die("write");
			stopped++;
		}
		/* The reader comes only after the writer was stopped, and takes all there is. */
		for (;;) {
			ssize_t n = read(p.s, in, sizeof(in));
			if (n <= 0)
				break;
			unsigned char expected[sizeof(in)];
			fill(expected, (size_t)n, got);
			wrong += memcmp(expected, in, (size_t)n) != 0;
			got += (size_t)n;
		}
		if (sent == TOTAL && got < TOTAL)
			wait_for(p.s, POLLIN);
	}
	say("sent %zu, got %zu, %zu wrong, %s", sent, got, wrong,
	    stopped > 1 ? "stopped and went on" : "NEVER STOPPED");
	return 0;
}
