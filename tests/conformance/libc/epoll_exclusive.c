/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EPOLLEXCLUSIVE on a listener in three processes, the way servers with workers do it. */
#include "../trace.h"

#define WORKERS 3
#define MANY    30

static void work(int l)
{
	char buffer[64];
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = l};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, l, &event));
	for (;;) {
		MUST(epoll_wait(ep, &e, 1, -1));
		if (e.data.fd == l) {
			int s = accept4(l, NULL, NULL, SOCK_NONBLOCK);
			event = (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP, .data.fd = s};
			if (s >= 0)
				MUST(epoll_ctl(ep, EPOLL_CTL_ADD, s, &event));
			continue;
		}
		ssize_t n = read(e.data.fd, buffer, sizeof(buffer));
		if (n > 0)
			write_all(e.data.fd, buffer, (size_t)n);
		else if (n == 0)
			close(e.data.fd);
	}
}

int main(void)
{
	pid_t worker[WORKERS];
	char out[50], in[50];
	int wrong = 0, c[MANY];

	watchdog_start();
	int l = listen_on(AF_INET, 64);
	set_nonblocking(l, true);
	for (int i = 0; i < WORKERS; i++)
		if ((worker[i] = fork_watched()) == 0)
			work(l);
	for (int i = 0; i < MANY; i++)
		c[i] = connect_to(l);
	for (int i = 0; i < MANY; i++) {
		fill(out, sizeof(out), (size_t)i);
		MUST(write_all(c[i], out, sizeof(out)));
	}
	for (int i = 0; i < MANY; i++) {
		fill(out, sizeof(out), (size_t)i);
		MUST(read_exact(c[i], in, sizeof(in)));
		wrong += memcmp(in, out, sizeof(in)) != 0;
		MUST(shutdown(c[i], SHUT_WR));
		wrong += read(c[i], in, 1) != 0;
	}
	say("%d wrong", wrong);
	for (int i = 0; i < WORKERS; i++) {
		kill(worker[i], SIGTERM);
		say_wait("worker", worker[i]);
	}
	return 0;
}
