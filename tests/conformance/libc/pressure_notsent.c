/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A short queue of unsent bytes (TCP_NOTSENT_LOWAT): what was taken arrives, whatever is next. */
#include "../trace.h"

#define MOST (4 << 20)

static char bytes[1 << 16];

/* Reads slowly at first, so that the writer's kernel is full; then all, and says what it was. */
static void read_all(int fd, int go, bool answers)
{
	uint64_t sum = SUM;
	size_t total = 0;
	char byte;
	ssize_t n;
	MUST(read(go, &byte, 1));
	MUST(read(go, &total, sizeof(total)));
	size_t left = total;
	while (left && (n = read(fd, bytes, left < sizeof(bytes) ? left : sizeof(bytes))) > 0) {
		sum = sum_add(sum, bytes, (size_t)n);
		left -= (size_t)n;
	}
	unsigned char *want = malloc(total);
	fill(want, total, 0);
	say("reader: %s", left == 0 && sum == sum_add(SUM, want, total) ? "all" : "NOT all");
	free(want);
	if (answers)
		MUST(write(fd, "a", 1));
	n = read(fd, &byte, 1);
	say("reader: then %zd %s", n, n < 0 ? strerrorname_np(errno) : "");
}

/* Writes pieces until nothing more is taken, several times; returns how much was. */
static size_t write_until_full(int fd, size_t piece, int go)
{
	unsigned char *data = malloc(MOST);
	size_t done = 0;
	fill(data, MOST, 0);
	set_nonblocking(fd, true);
	for (int times = 0; times < 3; times++) {
		ssize_t n;
		while (done + piece <= MOST && (n = write(fd, data + done, piece)) > 0)
			done += (size_t)n;
		if (times == 0)
			MUST(write(go, "g", 1));
	}
	MUST(write(go, &done, sizeof(done)));
	free(data);
	return done;
}

enum then { WAITS, SHUTS, CLOSES, CLOSES_SECOND };

static void taken_is_sent(const char *name, size_t piece, enum then then)
{
	int go[2], limit = 16384, small = 8192;
	char byte;
	step(name);
	struct pair p = pair_open(AF_INET);
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	MUST(setsockopt(p.c, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit, sizeof(limit)));
	MUST(pipe(go));
	pid_t reader = fork_watched();
	if (reader == 0) {
		close(p.c);
		if (then == CLOSES_SECOND)
			MUST(shutdown(p.s, SHUT_WR));
		read_all(p.s, go[0], then == WAITS);
		_exit(0);
	}
	close(p.s);
	if (then == CLOSES_SECOND) {
		wait_readable(p.c);
		say("writer: %zd", read(p.c, &byte, 1));
	}
	if (write_until_full(p.c, piece, go[1]) == 0)
		say("NOTHING was taken");
	if (then == WAITS) {
		wait_readable(p.c);
		say("writer: %zd", read(p.c, &byte, 1));
	}
	if (then == SHUTS) {
		shutdown(p.c, SHUT_WR);
		wait_readable(p.c);
		say("writer: %zd", read(p.c, &byte, 1));
	}
	close(p.c);
	say_wait("reader", reader);
	close(p.l);
	close(go[0]);
	close(go[1]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	watchdog_start();
	taken_is_sent("the writer waits for an answer", 3000, WAITS);
	taken_is_sent("in large pieces", 65536, WAITS);
	taken_is_sent("the writer shuts down and waits", 3000, SHUTS);
	taken_is_sent("the writer closes", 3000, CLOSES);
	taken_is_sent("the writer closes, in large pieces", 65536, CLOSES);
	taken_is_sent("the reader has shut down, the writer closes", 65536, CLOSES_SECOND);
	return 0;
}
