/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing until EAGAIN at the first edge of a new connection: the edge of the room comes. */
#include "../trace.h"

#define TOTAL 400000

static void read_all(int l)
{
	static char text[1 << 16];
	ssize_t n;
	size_t got = 0;
	int s = (int)MUST(accept(l, NULL, NULL));
	while ((n = read(s, text, sizeof(text))) > 0)
		got += (size_t)n;
	say("reader: %s", got == TOTAL ? "all" : "NOT all");
	_exit(0);
}

/* Around these sizes the early bytes fill what the kernel calls writable, and fit. */
static void write_at_edges(int buffer)
{
	struct epoll_event e = {.events = EPOLLOUT | EPOLLET};
	char *bytes = calloc(1, TOTAL);
	size_t put = 0;
	int l = listen_on(AF_INET, 8), ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	union address a = address_of(l);
	pid_t reader = fork_watched();
	if (reader == 0)
		read_all(l);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	MUST(setsockopt(c, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)));
	(void)!connect(c, &a.any, address_size(&a));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &e));
	while (put < TOTAL) {
		ssize_t n;
		trace_call = "epoll_wait for an edge";
		MUST(epoll_wait(ep, &e, 1, -1));
		while (put < TOTAL && (n = write(c, bytes + put, TOTAL - put)) > 0)
			put += (size_t)n;
	}
	close(c);
	say_wait("reader", reader);
	close(ep);
	close(l);
	free(bytes);
}

int main(void)
{
	static const int sizes[] = {20000, 36000, 38000, 42000, 45000, 100000};
	watchdog_start();
	step("small buffers");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		write_at_edges(sizes[i]);
	return 0;
}
