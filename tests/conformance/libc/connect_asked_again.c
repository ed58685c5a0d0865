/* SPDX-License-Identifier: GPL-3.0-or-later */
/* connect called again while it is under way: EALREADY, and the connection is what it was. */
#include "../trace.h"

static void ask_again(const char *name, bool at_the_end)
{
	step(name);
	/* A backlog of 0 holds one connection; the next waits until it is taken. */
	int l = listen_on(AF_INET, 0);
	union address a = address_of(l);
	int first = connect_to(l), error = -1;
	socklen_t length = sizeof(error);
	char byte;
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(connect(c, &a.any, address_size(&a)));
	T(connect(c, &a.any, address_size(&a)));
	T(send(c, "x", 1, MSG_NOSIGNAL));
	T(read(c, &byte, 1));
	close((int)MUST(accept(l, NULL, NULL)));
	close(first);
	say("%s", events_name((uint32_t)wait_for(c, POLLOUT)));
	T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %d", error);
	if (at_the_end) {
		T(connect(c, &a.any, address_size(&a)));
		T(connect(c, &a.any, address_size(&a)));
	}
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "x", 1));
	T(read(s, &byte, 1));
	close(c);
	close(s);
	close(l);
}

int main(void)
{
	watchdog_start();
	ask_again("the end is asked of SO_ERROR", false);
	ask_again("the end is asked of connect", true);
	return 0;
}
