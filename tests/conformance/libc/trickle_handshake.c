/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server whose client has connected and whose first bytes come late: nobody else waits for it. */
#include "../relay.h"

int main(int argc, char **argv)
{
	char buffer[64];

	relay_main(argc, argv);
	watchdog_start();
	int l = listen_on(AF_INET, 8);
	struct relay r = relay_start(RELAY_HOLD, l);

	/* The slow one: what it sends lacks a byte until told. */
	int slow_c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int error = connect(slow_c, &r.address.any, sizeof(r.address.in)) ? errno : 0;
	say("%s", strerrorname_np(error));
	wait_for(slow_c, POLLOUT);
	int slow_s = (int)MUST(accept4(l, NULL, NULL, SOCK_NONBLOCK));
	struct epoll_event e, event = {.events = EPOLLIN};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, slow_s, &event));
	T(write(slow_c, "late", 4));

	step("a quick one in between");
	int c = connect_to(l);
	int s = (int)MUST(accept4(l, NULL, NULL, SOCK_NONBLOCK));
	settle(c, s);
	T(write(c, "quick", 5));
	T(read_exact(s, buffer, 5));
	T(write(s, "answer", 6));
	T(read_exact(c, buffer, 6));

	step("the slow one at last");
	relay_tell(&r, 'r');
	size_t got = 0;
	while (got < 4) {
		(void)epoll_wait(ep, &e, 1, 20);
		ssize_t n = read(slow_s, buffer + got, 4 - got);
		got += n > 0 ? (size_t)n : 0;
		/* The client is a program with a loop of its own. */
		(void)recv(slow_c, &error, 1, MSG_PEEK);
	}
	say_sum("got", buffer, 4);
	relay_stop(&r);
	return 0;
}
