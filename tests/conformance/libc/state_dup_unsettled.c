/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection that has not spoken gets another name, loses its first, and goes on by the new. */
#include "../trace.h"

static char buffer[16];

static int rename_by(int how, int fd)
{
	int other = how == 0 ? (int)MUST(dup(fd))
	                     : how == 1 ? (int)MUST(fcntl(fd, F_DUPFD_CLOEXEC, 50))
	                                : (int)MUST(dup2(fd, fd + 60));
	MUST(close(fd));
	return other;
}

int main(void)
{
	static const char *const names[] = {"dup", "F_DUPFD_CLOEXEC", "dup2"};
	watchdog_start();
	for (int how = 0; how < 3; how++) {
		step(names[how]);
		struct pair p = pair_fresh(AF_INET);
		int c = rename_by(how, p.c);
		T(write(c, "from c", 6));
		T(read_beside(p.s, c, buffer, 6));
		int s = rename_by(how, p.s);
		T(write(s, "from s", 6));
		T(read_beside(c, s, buffer, 6));
		T(close(c));
		T(read(s, buffer, 1));
		T(close(s));

		/* Both at once, and nobody but poll to move things on. */
		close(p.l);
		p = pair_fresh(AF_INET);
		c = rename_by(how, p.c);
		s = rename_by(how, p.s);
		set_nonblocking(c, true);
		set_nonblocking(s, true);
		T(write(s, "banner", 6));
		T(read_beside(c, s, buffer, 6));
		close(c);
		close(s);
		close(p.l);
	}
	return 0;
}
