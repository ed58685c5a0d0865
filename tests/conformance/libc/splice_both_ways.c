/* SPDX-License-Identifier: GPL-3.0-or-later */
/* splice from a pipe to the socket and back, sizes, EAGAIN, the end; a relay by splice alone. */
#include "../trace.h"

int main(void)
{
	int a[2], b[2];
	char out[8192], in[8192];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	MUST(pipe(a));
	MUST(pipe(b));
	fill(out, sizeof(out), 0);

	step("pipe to socket");
	MUST(write(a[1], out, 5000));
	T(splice(a[0], NULL, p.c, NULL, 5000, 0));
	T(read_exact(p.s, in, 5000));
	say_sum("got", in, 5000);
	T(splice(a[0], NULL, p.c, NULL, 5000, SPLICE_F_NONBLOCK));

	step("socket to pipe");
	MUST(write(p.c, out, 3000));
	wait_readable(p.s);
	T(splice(p.s, NULL, b[1], NULL, 1000, 0));
	T(splice(p.s, NULL, b[1], NULL, 8192, 0));
	T(read(b[0], in, sizeof(in)));
	say_sum("got", in, 3000);
	set_nonblocking(p.s, true);
	T(splice(p.s, NULL, b[1], NULL, 8192, 0));

	step("a megabyte: pipe, socket, socket, pipe");
	pid_t child = fork_watched();
	if (child == 0) {
		for (int i = 0; i < 256; i++) {
			fill(out, 4096, (size_t)i * 4096);
			MUST(write_all(a[1], out, 4096));
		}
		_exit(0);
	}
	set_nonblocking(p.c, true);
	size_t moved = 0, got = 0;
	uint64_t sum = SUM;
	while (got < 1 << 20) {
		struct pollfd q[2] = {{.fd = moved < 1 << 20 ? p.c : -1, .events = POLLOUT},
		                      {.fd = p.s, .events = POLLIN}};
		MUST(poll(q, 2, -1));
		if (q[0].revents) {
			ssize_t n = splice(a[0], NULL, p.c, NULL, 65536,
			                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			moved += n > 0 ? (size_t)n : 0;
		}
		if (q[1].revents && splice(p.s, NULL, b[1], NULL, 4096, SPLICE_F_MOVE) > 0) {
			ssize_t n = read(b[0], in, sizeof(in));
			sum = sum_add(sum, in, (size_t)n);
			got += (size_t)n;
		}
	}
	say("moved %zu, got %zu, sum %016llx", moved, got, (unsigned long long)sum);
	say_wait("writer", child);

	step("mistakes and the end");
	T(splice(p.s, NULL, p.c, NULL, 10, 0));
	T(splice(p.s, &(off64_t){0}, b[1], NULL, 10, 0));
	MUST(shutdown(p.c, SHUT_WR));
	wait_readable(p.s);
	T(splice(p.s, NULL, b[1], NULL, 10, 0));
	close(a[1]);
	T(splice(a[0], NULL, p.s, NULL, 10, 0));
	return 0;
}
