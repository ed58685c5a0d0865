/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A process that ends without closing: _exit, exit, quick_exit; the peer sees a plain end. */
#include "../trace.h"

int main(void)
{
	static const char *const names[] = {"_exit", "exit", "quick_exit"};
	char buffer[100];

	watchdog_start();
	for (int i = 0; i < 3; i++) {
		step(names[i]);
		struct pair p = pair_open(AF_INET);
		pid_t child = fork_watched();
		if (child == 0) {
			close(p.s);
			MUST(write(p.c, "last", 4));
			if (i == 0)
				_exit(0);
			else if (i == 1)
				exit(0);
			else
				quick_exit(0);
		}
		close(p.c);
		T(read_exact(p.s, buffer, 4));
		T(read(p.s, buffer, sizeof(buffer)));
		say_wait("child", child);
		pair_close(&p);
	}

	step("a megabyte written before it ends arrives");
	static char big[1 << 20];
	struct pair p = pair_open(AF_INET);
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.s);
		fill(big, sizeof(big), 0);
		_exit(write_all(p.c, big, sizeof(big)) == sizeof(big) ? 0 : 1);
	}
	close(p.c);
	T(read_exact(p.s, big, sizeof(big)));
	say_sum("got", big, sizeof(big));
	T(read(p.s, buffer, sizeof(buffer)));
	say_wait("child", child);
	return 0;
}
