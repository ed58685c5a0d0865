/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One write of each interesting size, read back whole: blocking writer in its own process. */
#include "../trace.h"

int main(void)
{
	static const size_t sizes[] = {1, 15, 16383, 16384, 16385, 32768, 100000, 1 << 20};
	static unsigned char out[1 << 20], in[1 << 20];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	fill(out, sizeof(out), 0);
	pid_t child = fork_watched();
	if (child == 0) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			MUST(read_exact(p.s, in, sizes[i]));
			/* A blocking write of TCP takes everything. */
			if (write(p.s, in, sizes[i]) != (ssize_t)sizes[i])
				_exit(1);
		}
		_exit(0);
	}
	close(p.s);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(in, 0, sizes[i]);
		T(write(p.c, out, sizes[i]));
		T(read_exact(p.c, in, sizes[i]));
		say_sum("back", in, sizes[i]);
	}
	T(read(p.c, in, 1));
	say_wait("echo", child);
	return 0;
}
