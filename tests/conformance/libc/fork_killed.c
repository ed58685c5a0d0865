/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children that inherit a connection are killed: it is the parent's alone, and ends with it. */
#include "../trace.h"

#define MANY 20

int main(void)
{
	pid_t child[MANY];
	char buffer[16];

	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		step(turn ? "killed and not waited for" : "killed and waited for");
		struct pair p = pair_open(AF_INET);
		for (int i = 0; i < MANY; i++)
			if ((child[i] = fork_watched()) == 0)
				for (;;)
					pause();
		for (int i = 0; i < MANY; i++) {
			siginfo_t info;
			kill(child[i], SIGKILL);
			MUST(waitid(P_PID, (id_t)child[i], &info,
			            WEXITED | (turn ? WNOWAIT : 0)));
		}
		T(write(p.c, "alone", 5));
		T(read_exact(p.s, buffer, 5));
		T(close(p.c));
		T(read(p.s, buffer, 1));
		T(close(p.s));
		close(p.l);
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
	return 0;
}
