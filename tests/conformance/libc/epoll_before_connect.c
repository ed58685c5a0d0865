/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EPOLL_CTL_ADD before connect, as event libraries do: HUP first, then one writable, then data. */
#include "../trace.h"

int main(void)
{
	char buffer[64];
	struct epoll_event e, event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};

	watchdog_start();
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	int l = listen_on(AF_INET, 8);
	union address a = address_of(l);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &event));
	T(epoll_wait(ep, &e, 1, 0));
	say("%s", events_name(e.events));
	T(connect(c, &a.any, address_size(&a)));
	T(epoll_wait(ep, &e, 1, -1));
	say("%s", events_name(e.events));
	int error = -1;
	socklen_t length = sizeof(error);
	T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %d", error);

	step("the first byte from the other end arrives as an edge");
	int s = (int)MUST(accept4(l, NULL, NULL, SOCK_NONBLOCK));
	event.data.u32 = 1;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, s, &event));
	bool sent = false, got = false;
	while (!got) {
		MUST(epoll_wait(ep, &e, 1, -1));
		if (e.data.u32 == 1) {
			(void)read(s, buffer, sizeof(buffer));
			if (!sent && write(s, "banner", 6) == 6)
				sent = true;
		} else {
			ssize_t n = read(c, buffer, sizeof(buffer));
			got = n == 6;
			if (n >= 0)
				say("c got %zd", n);
		}
	}
	return 0;
}
