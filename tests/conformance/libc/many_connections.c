/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two hundred connections in one event loop, both ends in it; each carries its own text. */
#include "../trace.h"

#define MANY 200
#define SIZE 3000

/* Both ends of one connection; the accepted end echoes, the connecting end checks. */
struct end {
	int fd, number;
	bool server, connected;
	size_t sent, got;
	unsigned char data[SIZE];
};

static struct end ends[2 * MANY];
static int ep, open_ends, wrong;

static void watch(struct end *e, int fd, bool server)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP};
	e->fd = fd;
	e->server = server;
	event.data.ptr = e;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	open_ends++;
}

static void leave(struct end *e)
{
	close(e->fd);
	e->fd = -1;
	open_ends--;
}

static void go_on_server(struct end *e)
{
	ssize_t n;
	while (e->got < SIZE && (n = read(e->fd, e->data + e->got, SIZE - e->got)) > 0)
		e->got += (size_t)n;
	while (e->sent < e->got && (n = write(e->fd, e->data + e->sent, e->got - e->sent)) > 0)
		e->sent += (size_t)n;
	if (e->sent == SIZE)
		leave(e);
}

static void go_on_client(struct end *e)
{
	unsigned char expected[SIZE];
	ssize_t n = 1;
	fill(expected, SIZE, (size_t)e->number * 11);
	while (e->sent < SIZE) {
		size_t size = SIZE - e->sent < 1000 ? SIZE - e->sent : 1000;
		if ((n = write(e->fd, expected + e->sent, size)) <= 0)
			break;
		e->sent += (size_t)n;
	}
	while (e->got < SIZE && (n = read(e->fd, e->data + e->got, SIZE - e->got)) > 0)
		e->got += (size_t)n;
	if (e->got == SIZE) {
		wrong += memcmp(e->data, expected, SIZE) != 0;
		leave(e);
	} else if (n == 0 || errno != EAGAIN) {
		say("number %d: %s", e->number, n ? strerrorname_np(errno) : "ended");
		wrong++;
		leave(e);
	}
}

int main(void)
{
	watchdog_start();
	int l = listen_on(AF_INET, 512), accepted = 0;
	union address a = address_of(l);
	set_nonblocking(l, true);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, l, &(struct epoll_event){.events = EPOLLIN}));
	for (int i = 0; i < MANY; i++) {
		int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
		ends[i].number = i;
		if (connect(c, &a.any, address_size(&a)) && errno != EINPROGRESS)
			trace_die("connect");
		watch(&ends[i], c, false);
	}
	while (open_ends || accepted < MANY) {
		struct epoll_event e[64];
		int n = epoll_wait(ep, e, 64, -1), s;
		for (int i = 0; i < n; i++) {
			struct end *end = e[i].data.ptr;
			if (!end)
				while ((s = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0)
					watch(&ends[MANY + accepted++], s, true);
			else if (end->fd >= 0)
				end->server ? go_on_server(end) : go_on_client(end);
		}
	}
	say("%d accepted, %d wrong", accepted, wrong);
	return 0;
}
