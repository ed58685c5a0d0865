/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fork right after connect and accept, before a byte was said: each side goes on in one process. */
#include "../trace.h"

int main(void)
{
	char buffer[64];

	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		step(turn ? "the child has the accepted end" : "the child has the connecting end");
		struct pair p = pair_fresh(AF_INET);
		pid_t child = fork_watched();
		int mine = (child == 0) == (turn == 0) ? p.c : p.s;
		close(mine == p.c ? p.s : p.c);
		if (child == 0) {
			MUST(write_all(mine, "child", 5));
			ssize_t n = read_exact(mine, buffer, 6);
			_exit(n == 6 && !memcmp(buffer, "parent", 6) && read(mine, buffer, 1) == 0
			              ? 0
			              : 1);
		}
		T(write(mine, "parent", 6));
		T(read_exact(mine, buffer, 5));
		say_sum("got", buffer, 5);
		T(shutdown(mine, SHUT_WR));
		T(read(mine, buffer, 1));
		say_wait("child", child);
		close(mine);
		close(p.l);
	}
	return 0;
}
