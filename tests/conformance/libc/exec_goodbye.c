/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exec by the only process that has a connection: the peer sees its end; a failed exec changes
 * nothing. */
#include "../trace.h"

int main(void)
{
	char buffer[10];

	watchdog_start();
	for (int fails = 0; fails <= 1; fails++) {
		step(fails ? "an exec that fails" : "an exec");
		struct pair p = pair_open(AF_INET);
		pid_t child = fork_watched();
		if (child == 0) {
			close(p.s);
			close(p.l);
			fcntl(p.c, F_SETFD, FD_CLOEXEC);
			read_exact(p.c, buffer, 2); /* the parent has let go */
			MUST(write(p.c, "before", 6));
			if (fails) {
				execl("/nowhere/at/all", "all", NULL);
				_exit(errno != ENOENT || write(p.c, "after", 5) != 5);
			}
			execl("/bin/true", "true", NULL);
			_exit(127);
		}
		close(p.c);
		T(write(p.s, "go", 2));
		T(read_exact(p.s, buffer, 6));
		if (fails)
			T(read_exact(p.s, buffer, 5));
		T(read(p.s, buffer, 1));
		say_wait("child", child);
		T(close(p.s));
		T(close(p.l));
		T(wait(NULL));
	}
	return 0;
}
