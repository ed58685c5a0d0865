/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MSG_PEEK with MSG_WAITALL: a peek that waits until all it wants is there. */
#include "../trace.h"

int main(void)
{
	char out[100], in[100] = {0};

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	fill(out, sizeof(out), 0);
	for (int turn = 0; turn < 2; turn++) {
		step(turn ? "MSG_PEEK | MSG_WAITALL" : "MSG_WAITALL");
		pid_t child = fork_watched();
		if (child == 0) {
			for (int i = 0; i < 5; i++) {
				MUST(write(p.c, out + i * 20, 20));
				poll(NULL, 0, 10);
			}
			_exit(0);
		}
		T(recv(p.s, in, 90, MSG_WAITALL | (turn ? MSG_PEEK : 0)));
		say_sum("seen", in, 90);
		say_wait("writer", child);
		wait_arrived(p.c, p.s);
		T(recv(p.s, in, sizeof(in), 0));
	}

	step("time runs out");
	struct timeval limit = {.tv_usec = 50000};
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	MUST(write(p.c, out, 10));
	wait_readable(p.s);
	T(recv(p.s, in, 20, MSG_PEEK | MSG_WAITALL));
	T(recv(p.s, in, 20, 0));
	T(recv(p.s, in, 20, MSG_PEEK | MSG_WAITALL));
	return 0;
}
