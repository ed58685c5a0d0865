/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wire gives a byte at a time, and rests: what is said to be readable then can be read. */
#include "../relay.h"

/*
 * The handshake, its last words and the records come in steps of a byte, each in its own time, as
 * from a peer that sends one a second.  A blocking read that waits although the socket was said to
 * be readable would wait for ever: nothing moves before it returns.  A non-blocking one that finds
 * nothing is taken for the end by programs that trust poll and select, or take one event at a time
 * from epoll.
 */
static int ep;
static bool blocks = true;

static bool readable(int how, int fd)
{
	struct timeval none = {0};
	struct epoll_event e;
	fd_set r;
	switch (how) {
	case 0:
		return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
	case 1:
		FD_ZERO(&r);
		FD_SET(fd, &r);
		return select(fd + 1, &r, NULL, NULL, &none) == 1;
	default:
		return epoll_wait(ep, &e, 1, 0) == 1;
	}
}

/* Lets a byte go, reads if told to, until `size` are there. */
static bool take(int how, const struct relay *r, int fd, unsigned char *to, size_t size)
{
	for (size_t got = 0; got < size;) {
		relay_tell(r, 'o');
		while (got < size && readable(how, fd)) {
			ssize_t n = read(fd, to + got, size - got);
			if (n <= 0)
				return false;
			got += (size_t)n;
		}
	}
	return true;
}

/* The other end: blocking calls, in a process of its own. */
static int answer(int fd, const unsigned char *out, unsigned char *in, size_t size, bool first)
{
	if (first && write_all(fd, out, size) != (ssize_t)size)
		return 1;
	if (read_exact(fd, in, 4) != 4)
		return 2;
	if (!first && write_all(fd, out, size) != (ssize_t)size)
		return 3;
	return read_exact(fd, in, 1) == 0 ? 0 : 4;
}

static void step_by(const char *name, int how, bool accepts, bool first)
{
	static unsigned char out[2000], in[2000];
	step(name);
	fill(out, sizeof(out), 0);
	memset(in, 0, sizeof(in));
	int l = listen_on(AF_INET, 8);
	struct relay r = relay_start(RELAY_STEP, l);
	pid_t child = fork_watched();
	int fd;
	if ((child == 0) == accepts) {
		fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		MUST(connect(fd, &r.address.any, sizeof(r.address.in)));
	} else {
		fd = (int)MUST(accept(l, NULL, NULL));
	}
	if (child == 0)
		_exit(answer(fd, out, in, sizeof(out), first));
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	set_nonblocking(fd, true);
	MUST(send(fd, "word", 4, 0));
	set_nonblocking(fd, !blocks);
	say("%s", take(how, &r, fd, in, sizeof(in)) ? "all there" : "ENDED");
	say("%s", memcmp(in, out, sizeof(in)) ? "DIFFERENT" : "equal");
	relay_tell(&r, 'r');
	T(shutdown(fd, SHUT_WR));
	say_wait("other end", child);
	close(fd);
	close(ep);
	close(l);
	relay_stop(&r);
}

int main(int argc, char **argv)
{
	relay_main(argc, argv);
	watchdog_start();
	step_by("poll, the accepting end, the peer speaks first", 0, true, true);
	step_by("select, the accepting end, the peer answers", 1, true, false);
	step_by("epoll, the accepting end, the peer answers", 2, true, false);
	step_by("poll, the connecting end, the peer answers", 0, false, false);
	step_by("select, the connecting end, the peer answers", 1, false, false);
	step_by("epoll, the connecting end, the peer speaks first", 2, false, true);
	blocks = false;
	step_by("poll, not blocking, the accepting end", 0, true, true);
	step_by("select, not blocking, the connecting end", 1, false, false);
	step_by("epoll, not blocking, the connecting end", 2, false, false);
	step_by("epoll, not blocking, the accepting end", 2, true, true);
	return 0;
}
