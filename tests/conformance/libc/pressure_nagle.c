/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short buffers on both ends and Nagle's rule: a full queue moves without delayed ACKs. */
#include "../trace.h"

/*
 * A queue that lies until the peer's delayed acknowledgement moves a few thousand bytes in 40 ms:
 * then this much takes minutes, and the watchdog says so.  Otherwise it takes less than a second.
 */
#define TOTAL   (32 << 20)
#define STREAMS 2
#define PIECE   4096

/* An end whose buffers are short before it connects or listens, as the window asks for. */
static void shorten(int fd)
{
	int size = 8192;
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
}

/* Pieces of 4 KiB into whichever stream has room; a piece that was cut goes on where it was. */
static int send_all(const int *fd)
{
	static unsigned char out[PIECE];
	size_t sent[STREAMS] = {0};
	fill(out, sizeof(out), 0);
	while (sent[0] < TOTAL || sent[1] < TOTAL) {
		struct pollfd p[STREAMS];
		for (int i = 0; i < STREAMS; i++)
			p[i] = (struct pollfd){.fd = sent[i] < TOTAL ? fd[i] : -1,
			                       .events = POLLOUT};
		MUST(poll(p, STREAMS, -1));
		for (int i = 0; i < STREAMS; i++) {
			size_t at = sent[i] % PIECE;
			ssize_t n = p[i].revents ? write(fd[i], out + at, PIECE - at) : 0;
			if (n < 0 && errno != EAGAIN)
				return 1;
			sent[i] += n > 0 ? (size_t)n : 0;
		}
	}
	return 0;
}

static void receive_all(const int *fd)
{
	static unsigned char in[STREAMS][PIECE], expected[PIECE];
	size_t got[STREAMS] = {0}, wrong = 0;
	fill(expected, sizeof(expected), 0);
	while (got[0] < TOTAL || got[1] < TOTAL) {
		struct pollfd p[STREAMS];
		for (int i = 0; i < STREAMS; i++)
			p[i] = (struct pollfd){.fd = got[i] < TOTAL ? fd[i] : -1,
			                       .events = POLLIN};
		MUST(poll(p, STREAMS, -1));
		for (int i = 0; i < STREAMS; i++) {
			size_t at = got[i] % PIECE;
			ssize_t n = p[i].revents ? read(fd[i], in[i] + at, PIECE - at) : -1;
			if (n == 0)
				return say("stream %d ended at %zu", i, got[i]);
			if (n < 0)
				continue;
			wrong += memcmp(in[i] + at, expected + at, (size_t)n) != 0;
			got[i] += (size_t)n;
		}
	}
	say("got %zu and %zu, %zu wrong", got[0], got[1], wrong);
}

int main(void)
{
	int c[STREAMS], s[STREAMS];

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	union address a = address_of(l);
	shorten(l);
	for (int i = 0; i < STREAMS; i++) {
		c[i] = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		shorten(c[i]);
		MUST(connect(c[i], &a.any, address_size(&a)));
		s[i] = (int)MUST(accept4(l, NULL, NULL, SOCK_NONBLOCK));
		set_nonblocking(c[i], true);
		settle(c[i], s[i]);
	}
	step("two streams");
	pid_t child = fork_watched();
	if (child == 0) {
		close(c[0]);
		close(c[1]);
		_exit(send_all(s));
	}
	close(s[0]);
	close(s[1]);
	receive_all(c);
	T(read_exact(c[0], &(char){0}, 1));
	T(read_exact(c[1], &(char){0}, 1));
	say_wait("sender", child);
	return 0;
}
