/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both directions full at once, two processes: nothing waits for ever, nothing is mixed up. */
#include "../trace.h"

#define TOTAL (8 << 20)

/* Writes and reads TOTAL bytes on one non-blocking end; stops writing where it would block. */
static int both(int fd, size_t seed, size_t peer_seed, size_t piece)
{
	unsigned char *out = malloc(piece), *in = malloc(piece), *expected = malloc(piece);
	size_t sent = 0, got = 0;
	while (sent < TOTAL || got < TOTAL) {
		struct pollfd q = {.fd = fd, .events = 0};
		q.events |= sent < TOTAL ? POLLOUT : 0;
		q.events |= got < TOTAL ? POLLIN : 0;
		MUST(poll(&q, 1, -1));
		if (q.revents & POLLOUT) {
			size_t size = TOTAL - sent < piece ? TOTAL - sent : piece;
			fill(out, size, seed + sent);
			ssize_t n = write(fd, out, size);
			sent += n > 0 ? (size_t)n : 0;
		}
		/* Reads a little less than it could write, so that both buffers fill. */
		if (q.revents & POLLIN) {
			ssize_t n = read(fd, in, piece / 2 + 1);
			if (n == 0)
				return 2;
			if (n > 0) {
				fill(expected, (size_t)n, peer_seed + got);
				if (memcmp(expected, in, (size_t)n))
					return 3;
				got += (size_t)n;
			}
		}
	}
	return 0;
}

int main(void)
{
	static const size_t pieces[] = {4096, 65536, 200000};

	watchdog_start();
	for (int i = 0; i < 3; i++) {
		struct pair p = pair_open(AF_INET);
		pair_nonblocking(&p);
		pid_t child = fork_watched();
		if (child == 0) {
			close(p.c);
			_exit(both(p.s, 5, 0, pieces[i]));
		}
		close(p.s);
		say("%zu: %d", pieces[i], both(p.c, 0, 5, pieces[i]));
		say_wait("other end", child);
		close(p.c);
		close(p.l);
	}
	return 0;
}
