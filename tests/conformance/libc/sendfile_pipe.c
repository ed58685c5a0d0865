/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sendfile from the socket to a pipe, which Linux does as it does splice. */
#include "../trace.h"

#include <sys/sendfile.h>

enum { SENT = 200000 };

int main(void)
{
	static unsigned char out[SENT], in[SENT];
	int ends[2];

	watchdog_start();
	signal(SIGPIPE, SIG_IGN);
	struct pair p = pair_open(AF_INET);
	MUST(pipe(ends));
	fill(out, SENT, 0);

	step("some, then the rest");
	MUST(write(p.c, out, 3000));
	wait_arrived(p.c, p.s);
	T(sendfile(ends[1], p.s, NULL, 1000));
	T(sendfile(ends[1], p.s, NULL, 8192));
	T(read(ends[0], in, sizeof(in)));
	say_sum("got", in, 3000);

	step("nothing there");
	T(sendfile(ends[1], p.s, NULL, 0));
	set_nonblocking(p.s, true);
	T(sendfile(ends[1], p.s, NULL, 5));
	set_nonblocking(p.s, false);

	step("it waits");
	pid_t child = fork_watched();
	if (child == 0) {
		poll(NULL, 0, 50);
		_exit(write(p.c, "hello", 5) == 5 ? 0 : 1);
	}
	T(sendfile(ends[1], p.s, NULL, 100));
	say_wait("writer", child);
	T(read(ends[0], in, sizeof(in)));

	step("more than the pipe holds");
	child = fork_watched();
	if (child == 0)
		_exit(write_all(p.c, out, SENT) == SENT ? 0 : 1);
	size_t got = 0;
	while (got < SENT) {
		ssize_t n = MUST(sendfile(ends[1], p.s, NULL, SENT));
		MUST(read_exact(ends[0], in + got, (size_t)n));
		got += (size_t)n;
	}
	say_sum("got", in, got);
	say_wait("writer", child);

	step("a full pipe");
	MUST(write(p.c, "hello", 5));
	wait_arrived(p.c, p.s);
	MUST(write_all(ends[1], out, 65536));
	set_nonblocking(ends[1], true);
	T(sendfile(ends[1], p.s, NULL, 5));
	T(sendfile(ends[1], p.s, NULL, 0));
	set_nonblocking(ends[1], false);
	MUST(read_exact(ends[0], in, 65536));
	T(sendfile(ends[1], p.s, NULL, 5));
	T(read(ends[0], in, sizeof(in)));

	step("the end");
	MUST(shutdown(p.c, SHUT_WR));
	wait_readable(p.s);
	T(sendfile(ends[1], p.s, NULL, 5));
	close(ends[0]);
	T(sendfile(ends[1], p.s, NULL, 5));
	return 0;
}
