/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Standard error is a pipe that is full and that nobody reads: connections are not held up. */
#include "../trace.h"

static char buffer[64];

/* The program again, with whatever is logged going to standard error. */
static void again(void)
{
	char *const argv[] = {"again", "run", NULL};
	setenv("SLEEVE_LOG", "debug:stderr", 1);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static void run(void)
{
	struct linger hard = {.l_onoff = 1};
	for (int i = 0; i < 20; i++) {
		struct pair p = pair_open(AF_INET);
		MUST(write(p.c, "text", 4));
		MUST(read_exact(p.s, buffer, 4));
		close(p.c);
		MUST(read(p.s, buffer, 1));
		close(p.s);
		/* One that comes to nothing, which is worth a line. */
		int c = connect_to(p.l);
		MUST(setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		close(c);
		int s = accept(p.l, NULL, NULL);
		if (s >= 0)
			(void)read(s, buffer, 1);
		close(s);
		close(p.l);
	}
	say("none was held up");
}

int main(int argc, char **argv)
{
	int pipes[2];

	(void)argv;
	watchdog_start();
	if (argc == 2) {
		run();
		return 0;
	}
	MUST(pipe(pipes));
	set_nonblocking(pipes[1], true);
	while (write(pipes[1], buffer, sizeof(buffer)) > 0)
		;
	set_nonblocking(pipes[1], false);
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		dup2(pipes[1], STDERR_FILENO);
		again();
	}
	say_wait("child", child);
	return 0;
}
