/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SO_LINGER with data that has not gone yet: n waits for it, 0 throws it away with a reset. */
#include "../trace.h"

/* Writes until not even a byte is taken; returns how many. */
static size_t fill_up(int fd)
{
	static char big[65536];
	size_t sent = 0;
	ssize_t n;
	set_nonblocking(fd, true);
	while ((n = write(fd, big, sizeof(big))) > 0 || (n = write(fd, big, 1)) > 0)
		sent += (size_t)n;
	set_nonblocking(fd, false);
	return sent;
}

/* Reads to the end; what it was. */
static ssize_t drain(int fd, size_t *got)
{
	static char in[65536];
	ssize_t n;
	for (*got = 0; (n = read(fd, in, sizeof(in))) > 0; *got += (size_t)n)
		;
	return n;
}

int main(void)
{
	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		struct linger soft = {.l_onoff = 1, .l_linger = 5}, hard = {.l_onoff = 1},
			      brief = {.l_onoff = 1, .l_linger = 1};
		size_t got, sent;
		say("## %s end closes", turn ? "accepted" : "connecting");

		step("SO_LINGER 5, the reader comes late");
		struct pair p = pair_open(AF_INET);
		int goes = turn ? p.s : p.c, stays = turn ? p.c : p.s;
		MUST(setsockopt(goes, SOL_SOCKET, SO_LINGER, &soft, sizeof(soft)));
		sent = fill_up(goes);
		int word[2];
		MUST(pipe(word));
		pid_t child = fork_watched();
		if (child == 0) {
			close(goes);
			MUST(write(word[1], "w", 1));
			poll(NULL, 0, 50);
			ssize_t n = drain(stays, &got);
			_exit(n != 0 || got != sent);
		}
		MUST(read(word[0], &(char){0}, 1));
		T(close(goes));
		say_wait("reader", child);
		close(stays);
		close(p.l);

		step("SO_LINGER 1, the reader does not come in time");
		p = pair_open(AF_INET);
		goes = turn ? p.s : p.c, stays = turn ? p.c : p.s;
		MUST(setsockopt(goes, SOL_SOCKET, SO_LINGER, &brief, sizeof(brief)));
		sent = fill_up(goes);
		T(close(goes));
		T(drain(stays, &got));
		say("%s", got == sent ? "all" : "NOT ALL");
		close(stays);
		close(p.l);

		step("SO_LINGER 0");
		p = pair_open(AF_INET);
		goes = turn ? p.s : p.c, stays = turn ? p.c : p.s;
		MUST(setsockopt(goes, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		sent = fill_up(goes);
		T(close(goes));
		wait_for(stays, POLLHUP);
		ssize_t end = drain(stays, &got);
		say("drained to %zd %s, %s", end, end < 0 ? strerrorname_np(errno) : "",
		    got < sent ? "less" : "ALL");
		T(read(stays, &(char){0}, 1));
		close(stays);
		close(p.l);

		step("no lingering, the reader comes late: the kernel goes on");
		p = pair_open(AF_INET);
		goes = turn ? p.s : p.c, stays = turn ? p.c : p.s;
		sent = fill_up(goes);
		T(close(goes));
		T(drain(stays, &got));
		say("%s", got == sent ? "all" : "NOT ALL");
		close(stays);
		close(p.l);

		step("without waiting: non-blocking and SO_LINGER 5");
		p = pair_open(AF_INET);
		goes = turn ? p.s : p.c, stays = turn ? p.c : p.s;
		MUST(setsockopt(goes, SOL_SOCKET, SO_LINGER, &soft, sizeof(soft)));
		MUST(write(goes, "last words", 10));
		set_nonblocking(goes, true);
		T(shutdown(goes, SHUT_WR));
		T(close(goes));
		T(drain(stays, &got));
		say("%zu", got);
		close(stays);
		close(p.l);
	}
	return 0;
}
