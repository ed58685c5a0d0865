/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server that closes behind a long answer and has not read the end of the request. */
#include "../trace.h"

/*
 * Closing with bytes unread is a reset in TCP (tcp(7)), and a reset destroys what the kernel has
 * still to send.  The client's end of stream is no byte, so all of the answer has to arrive.
 */
static void answer(const char *name, bool looked, bool peeked)
{
	static char data[1 << 16], more[1 << 16];
	size_t sent = 0, got = 0;
	ssize_t n;

	step(name);
	struct pair p = pair_open(AF_INET);
	T(write(p.c, "request", 7));
	T(shutdown(p.c, SHUT_WR));
	wait_for(p.s, POLLRDHUP);
	if (peeked)
		T(recv(p.s, data, sizeof(data), MSG_PEEK));
	T(read(p.s, data, sizeof(data)));
	if (looked)
		say_poll("s", p.s, POLLIN, -1);
	set_nonblocking(p.s, true);
	fill(data, sizeof(data), 0);
	while ((n = write(p.s, data, sizeof(data))) > 0)
		sent += (size_t)n;
	T(close(p.s));
	while ((n = read(p.c, more, sizeof(more))) > 0)
		got += (size_t)n;
	say("the last read: %s", n == 0 ? "the end" : strerrorname_np(errno));
	say("%s", got == sent ? "all has arrived" : "some is lost");
	close(p.c);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	answer("the end not looked for", false, false);
	answer("the end polled for", true, false);
	answer("the end seen behind the request", false, true);
	return 0;
}
