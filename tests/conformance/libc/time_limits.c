/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SO_RCVTIMEO and SO_SNDTIMEO: EAGAIN when time is up, a partial count before, data in time. */
#include "../trace.h"

int main(void)
{
	static char out[8 << 20], in[65536];
	struct timeval limit = {.tv_usec = 50000}, none = {0};

	watchdog_start();
	struct pair p = pair_open(AF_INET);

	step("reading");
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	T(read(p.s, in, 10));
	T(recv(p.s, in, 10, MSG_PEEK));
	T(recvmsg(p.s, &(struct msghdr){.msg_iov = &(struct iovec){in, 5}, .msg_iovlen = 1}, 0));
	MUST(write(p.c, "abc", 3));
	wait_readable(p.s);
	T(recv(p.s, in, 10, MSG_WAITALL));
	MUST(write(p.c, "defg", 4));
	T(recv(p.s, in, 4, MSG_WAITALL));
	pid_t child = fork_watched();
	if (child == 0) {
		poll(NULL, 0, 10);
		_exit(write(p.c, "in time", 7) == 7 ? 0 : 1);
	}
	limit.tv_sec = 5;
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	T(read(p.s, in, 10));
	say_wait("writer", child);
	limit.tv_sec = 0;

	step("for all of it, however it comes");
	int told[2];
	MUST(pipe(told));
	limit.tv_usec = 400000;
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	child = fork_watched();
	if (child == 0) { /* until the reader has given up, in steps shorter than its limit */
		struct pollfd given_up = {.fd = told[0], .events = POLLIN};
		while (write(p.c, "ten bytes.", 10) == 10 && poll(&given_up, 1, 150) == 0)
			;
		_exit(0);
	}
	say("less than all: %d", recv(p.s, in, 1000, MSG_WAITALL) < 1000);
	MUST(write(told[1], "!", 1));
	say_wait("writer", child);
	set_nonblocking(p.s, true);
	while (read(p.s, in, sizeof(in)) > 0)
		;
	set_nonblocking(p.s, false);
	close(told[0]);
	close(told[1]);
	limit.tv_usec = 50000;

	step("a poll is not bound by it");
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	say_poll("s", p.s, POLLIN, 80);

	step("writing");
	MUST(setsockopt(p.c, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	fill(out, sizeof(out), 0);
	/* Nobody reads: in the end a write stops in its middle, and the next takes nothing. */
	size_t taken = 0;
	ssize_t n;
	while ((n = write(p.c, out + taken % 4096, sizeof(out) / 2)) > 0)
		taken += (size_t)n;
	say("stops with %zd %s", n, strerrorname_np(errno));
	MUST(setsockopt(p.c, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)));
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)));
	child = fork_watched();
	if (child == 0)
		_exit(write_all(p.c, "end", 3) == 3 && shutdown(p.c, SHUT_WR) == 0 ? 0 : 1);
	size_t got = 0;
	while ((n = read(p.s, in, sizeof(in))) > 0)
		got += (size_t)n;
	say("%s, then %zd", got == taken + 3 ? "all that was taken" : "NOT WHAT WAS TAKEN", n);
	say_wait("writer", child);
	return 0;
}
