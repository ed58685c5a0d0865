/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POLICY: truncated = "eof"; */
/* A peer that is killed: its data is read, then the end; with data unread there, a reset. */
#include "../trace.h"

/* An unannounced end is an error under TLS unless the policy says otherwise; here it does. */

int main(void)
{
	char buffer[100];

	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		step(turn ? "killed with data unread" : "killed with nothing unread");
		struct pair p = pair_open(AF_INET);
		pid_t child = fork_watched();
		if (child == 0) {
			MUST(write(p.c, "last", 4));
			for (;;)
				pause();
		}
		close(p.c);
		wait_readable(p.s);
		T(read(p.s, buffer, 4));
		if (turn)
			T(write(p.s, "unread", 6));
		kill(child, SIGKILL);
		say_wait("peer", child);
		wait_for(p.s, POLLRDHUP);
		T(read(p.s, buffer, sizeof(buffer)));
		T(read(p.s, buffer, sizeof(buffer)));
		pair_close(&p);
	}
	return 0;
}
