/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every byte of the wire comes in a segment of its own: all that waits and reads goes on right. */
#include "../relay.h"

/* How a reader waits before it reads from a blocking socket. */
static void wait_by(int how, int fd, int ep)
{
	struct epoll_event e;
	fd_set r;
	switch (how) {
	case 1:
		FD_ZERO(&r);
		FD_SET(fd, &r);
		MUST(select(fd + 1, &r, NULL, NULL, NULL));
		break;
	case 2:
		wait_readable(fd);
		break;
	case 3:
		MUST(epoll_wait(ep, &e, 1, -1));
		break;
	}
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"read alone", "select", "poll", "epoll"};
	static unsigned char out[6000], in[6000];

	relay_main(argc, argv);
	watchdog_start();
	fill(out, sizeof(out), 0);
	for (int how = 0; how < 4; how++) {
		step(names[how]);
		int l = listen_on(AF_INET, 8);
		struct relay r = relay_start(RELAY_BYTES, l);
		int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		T(connect(c, &r.address.any, sizeof(r.address.in)));
		pid_t child = fork_watched();
		if (child == 0) {
			int s = (int)MUST(accept(l, NULL, NULL));
			close(c);
			read_exact(s, in, sizeof(in));
			_exit(write_all(s, in, sizeof(in)) != sizeof(in));
		}
		T(write(c, out, sizeof(out)));
		int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		struct epoll_event event = {.events = EPOLLIN};
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &event));
		size_t got = 0;
		while (got < sizeof(in)) {
			wait_by(how, c, ep);
			ssize_t n = MUST(
				read(c, in + got, sizeof(in) - got < 700 ? sizeof(in) - got : 700));
			if (n == 0)
				break;
			got += (size_t)n;
		}
		say("got %zu, %s", got, memcmp(in, out, sizeof(in)) ? "DIFFERENT" : "equal");
		T(read(c, in, 1));
		say_wait("echo", child);
		close(c);
		close(ep);
		close(l);
		relay_stop(&r);
	}
	return 0;
}
