/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Four threads wait on one set, EPOLLONESHOT hands each event to one of them; an echo server. */
#include "../tasks.h"

#define CLIENTS 16
#define ROUNDS  40

static int ep, stop_fd[2];

static void rearm(int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
	if (epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event))
		trace_die("epoll_ctl");
}

static void work(void *argument)
{
	char buffer[256];
	struct epoll_event e;
	(void)argument;
	for (;;) {
		if (epoll_wait(ep, &e, 1, -1) != 1)
			continue;
		if (e.data.fd == stop_fd[0])
			return;
		ssize_t n = read(e.data.fd, buffer, sizeof(buffer));
		if (n > 0)
			write_all(e.data.fd, buffer, (size_t)n);
		if (n != 0)
			rearm(e.data.fd);
	}
}

int main(void)
{
	struct task task[4];
	int c[CLIENTS], s[CLIENTS], wrong = 0;
	char out[100], in[100];

	watchdog_start();
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	int l = listen_on(AF_INET, 64);
	for (int i = 0; i < CLIENTS; i++) {
		c[i] = connect_to(l);
		s[i] = (int)MUST(accept4(l, NULL, NULL, SOCK_NONBLOCK));
		struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = s[i]};
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, s[i], &event));
	}
	for (int i = 0; i < 4; i++)
		task_start(&task[i], work, NULL);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < CLIENTS; i++) {
			fill(out, sizeof(out), (size_t)(round * 100 + i));
			MUST(write_all(c[i], out, sizeof(out)));
		}
		for (int i = 0; i < CLIENTS; i++) {
			fill(out, sizeof(out), (size_t)(round * 100 + i));
			MUST(read_exact(c[i], in, sizeof(in)));
			wrong += memcmp(in, out, sizeof(in)) != 0;
		}
	}
	say("%d wrong", wrong);
	MUST(pipe(stop_fd));
	struct epoll_event event = {.events = EPOLLIN, .data.fd = stop_fd[0]};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, stop_fd[0], &event));
	MUST(write(stop_fd[1], "x", 1));
	for (int i = 0; i < 4; i++)
		task_join(&task[i]);
	return 0;
}
