/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A first request that is larger than the send buffer; then only reading: it arrives whole. */
#include "../trace.h"

#define TOTAL 60000

static unsigned char out[TOTAL], in[TOTAL];

static int serve(int l)
{
	int s = (int)MUST(accept(l, NULL, NULL));
	if (read_exact(s, in, TOTAL) != TOTAL || memcmp(in, out, TOTAL))
		return 1;
	return write_all(s, "answer", 6) != 6;
}

/* The ways in which the client waits for the answer. */
static ssize_t await_answer(int how, int c, void *to)
{
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLET};
	if (how == 2) {
		int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &event));
		for (;;) {
			MUST(epoll_wait(ep, &e, 1, -1));
			ssize_t n = read(c, to, 6);
			if (n != -1 || errno != EAGAIN)
				return n;
		}
	}
	return read_exact(c, to, 6);
}

int main(void)
{
	static const char *const names[] = {"blocking", "non-blocking, poll",
	                                    "non-blocking, an edge"};
	char buffer[16];

	watchdog_start();
	fill(out, TOTAL, 0);
	for (int how = 0; how < 3; how++) {
		step(names[how]);
		int l = listen_on(AF_INET, 8), small = 4096;
		union address a = address_of(l);
		pid_t child = fork_watched();
		if (child == 0)
			_exit(serve(l));
		int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		MUST(setsockopt(c, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
		MUST(connect(c, &a.any, address_size(&a)));
		set_nonblocking(c, how > 0);
		if (how)
			T(write_all(c, out, TOTAL));
		else
			T(write(c, out, TOTAL));
		T(await_answer(how, c, buffer));
		T(read_exact(c, buffer, 1));
		say_wait("server", child);
		close(c);
		close(l);
	}
	return 0;
}
