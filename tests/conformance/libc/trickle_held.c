/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A blocking socket that was reported readable can be read, though the wire stands still. */
#include "../relay.h"

static int ep;

/* Asks each of the family with a time limit; true when one says readable. */
static bool readable(int how, int fd)
{
	struct timeval limit = {.tv_usec = 20000};
	struct epoll_event e;
	fd_set r;
	switch (how) {
	case 0:
		return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20) == 1;
	case 1:
		FD_ZERO(&r);
		FD_SET(fd, &r);
		return select(fd + 1, &r, NULL, NULL, &limit) == 1;
	default:
		return epoll_wait(ep, &e, 1, 20) == 1;
	}
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"poll", "select", "epoll"};
	static const size_t sizes[] = {2, 100, 5000, 16384, 40000};
	static unsigned char out[40000], in[40000];

	relay_main(argc, argv);
	watchdog_start();
	int l = listen_on(AF_INET, 8);
	struct relay r = relay_start(RELAY_HOLD, l);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(c, &r.address.any, sizeof(r.address.in)));
	int s = (int)MUST(accept(l, NULL, NULL));
	relay_tell(&r, 'r');
	settle(c, s);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &event));
	fill(out, sizeof(out), 0);
	for (int how = 0; how < 3; how++) {
		step(names[how]);
		for (size_t i = 0; i < 5; i++) {
			size_t got = 0, size = sizes[i];
			relay_tell(&r, 'h');
			MUST(write_all(s, out, size));
			/* The relay holds the last byte: what is said to be readable must be. */
			for (int quiet = 0; quiet < 3;) {
				if (!readable(how, c)) {
					quiet++;
					continue;
				}
				got += (size_t)MUST(read(c, in + got, sizeof(in) - got));
			}
			relay_tell(&r, 'r');
			while (got < size)
				if (readable(how, c))
					got += (size_t)MUST(read(c, in + got, sizeof(in) - got));
			say("%zu: got %zu, %s", size, got,
			    memcmp(in, out, size) ? "DIFFERENT" : "equal");
		}
	}
	relay_stop(&r);
	return 0;
}
