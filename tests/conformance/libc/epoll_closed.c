/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A closed connection is in no epoll set any more, also when what was written to it, or its
 * handshake, goes on without the program. */
#include "../trace.h"

static void closed_early(bool writes, bool accepted)
{
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.u32 = 7};
	char buffer[64];
	struct pair p = pair_fresh(AF_INET);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	int fd = accepted ? p.s : p.c, other = accepted ? p.c : p.s;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	if (writes)
		T(write(fd, "the last words", 14));
	MUST(close(fd));
	T(epoll_wait(ep, &e, 1, 0));
	if (writes)
		T(read_exact(other, buffer, 14));
	T(read(other, buffer, 64));
	T(epoll_wait(ep, &e, 1, 0));
	close(other);
	close(p.l);
	close(ep);
}

int main(void)
{
	watchdog_start();
	step("a client that has said something");
	closed_early(true, false);
	step("a server");
	closed_early(true, true);
	step("one that has said nothing");
	closed_early(false, false);

	step("more than the kernel takes");
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.u32 = 7};
	struct pair p = pair_open(AF_INET);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	static char much[1 << 16];
	int flags = (int)MUST(fcntl(p.s, F_GETFL));
	MUST(fcntl(p.s, F_SETFL, flags | O_NONBLOCK));
	size_t sent = 0;
	for (ssize_t n; (n = write(p.s, much, sizeof much)) > 0;)
		sent += (size_t)n;
	MUST(close(p.s));
	T(epoll_wait(ep, &e, 1, 0));
	for (ssize_t n; (n = read(p.c, much, sizeof much)) > 0;)
		sent -= (size_t)n;
	say("lost %zu", sent);
	T(epoll_wait(ep, &e, 1, 0));
	return 0;
}
