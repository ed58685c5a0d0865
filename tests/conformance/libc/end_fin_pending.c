/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POLICY: truncated = "eof"; */
/* The peer is killed, and much of what it wrote has not been read: all of it, then the end. */
#include "../trace.h"

#define TOTAL 100000

int main(void)
{
	static unsigned char out[TOTAL], in[TOTAL + 1];
	static const char *const names[] = {"read", "poll", "an edge", "a peek before"};

	watchdog_start();
	fill(out, TOTAL, 0);
	for (int how = 0; how < 4; how++) {
		step(names[how]);
		struct pair p = pair_open(AF_INET);
		int word[2];
		char byte;
		MUST(pipe(word));
		pid_t child = fork_watched();
		if (child == 0) {
			close(p.s);
			MUST(write_all(p.c, out, TOTAL));
			MUST(write(word[1], "w", 1));
			for (;;)
				pause();
		}
		close(p.c);
		MUST(read(word[0], &byte, 1));
		kill(child, SIGKILL);
		say_wait("peer", child);
		int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		struct epoll_event e, event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
		set_nonblocking(p.s, how == 2);
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
		size_t got = 0;
		ssize_t n = 1;
		while (n > 0) {
			if (how == 1)
				wait_readable(p.s);
			else if (how == 2 && n == 1)
				MUST(epoll_wait(ep, &e, 1, -1));
			else if (how == 3)
				(void)recv(p.s, in + got, 100, MSG_PEEK);
			n = read(p.s, in + got, 7000 < sizeof(in) - got ? 7000 : sizeof(in) - got);
			got += n > 0 ? (size_t)n : 0;
			if (n == -1 && errno == EAGAIN)
				n = 1; /* and wait for the next edge */
		}
		say("got %zu, %s, then %zd", got, memcmp(in, out, TOTAL) ? "DIFFERENT" : "equal",
		    n);
		T(read(p.s, in, 1));
		pair_close(&p);
		close(ep);
	}
	return 0;
}
