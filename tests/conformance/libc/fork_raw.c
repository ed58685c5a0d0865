/* SPDX-License-Identifier: GPL-3.0-or-later */
/* _Fork and clone, of which nobody is told: the child minds its own files, the parent goes on. */
#include "../trace.h"

#include <sys/syscall.h>

static struct pair p;
static char buffer[16];

/* What such a child may do: close what it inherited, and use the numbers for something else. */
static void be_child(void)
{
	close(p.c);
	close(p.s);
	int file = open("/dev/zero", O_RDWR);
	bool good = file == p.c && read(file, buffer, 4) == 4 && write(file, "hello", 5) == 5;
	_exit(!good);
}

static pid_t make_child(int how)
{
	if (how == 0)
		return _Fork();
	return (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
}

int main(void)
{
	static const char *const names[] = {"_Fork", "clone"};

	watchdog_start();
	for (int how = 0; how < 2; how++) {
		step(names[how]);
		p = pair_open(AF_INET);
		pid_t child = make_child(how);
		if (child == 0)
			be_child();
		say_wait("child", child);
		T(write(p.c, "parent", 6));
		T(read_exact(p.s, buffer, 6));
		T(write(p.s, "again", 5));
		T(read_exact(p.c, buffer, 5));
		T(close(p.c));
		T(read(p.s, buffer, 1));
		close(p.s);
		close(p.l);
	}
	return 0;
}
