/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Standard error was closed, and its number is a file of the program's: nothing else gets in. */
#include "../trace.h"

#include <sys/stat.h>

/* The program again, with whatever is logged going to standard error; `how` is run()'s. */
static void again(char *self, const char *how)
{
	char *const argv[] = {self, "run", (char *)(uintptr_t)how, NULL};
	setenv("SLEEVE_LOG", "debug:stderr", 1);
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* Connections that come to be, are used and come to nothing, which is worth a line. */
static void connections(void)
{
	char buffer[8];
	struct linger hard = {.l_onoff = 1};
	struct pair p = pair_open(AF_INET);
	T(write(p.c, "text", 4));
	T(read_exact(p.s, buffer, 4));
	T(close(p.c));
	T(read(p.s, buffer, 1));
	close(p.s);
	int c = connect_to(p.l);
	MUST(setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(c);
	int s = accept(p.l, NULL, NULL);
	if (s >= 0)
		(void)read(s, buffer, 1);
	close(s);
	close(p.l);
}

static void run(const char *how)
{
	struct stat status;
	if (!strcmp(how, "closed later"))
		close(STDERR_FILENO);
	int fd = (int)MUST(open("data", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	say("it is number %d", fd);
	connections();
	MUST(fstat(fd, &status));
	say("%lld bytes in it", (long long)status.st_size);
}

int main(int argc, char **argv)
{
	static const char *const ways[] = {"closed later", "closed at start"};

	watchdog_start();
	if (argc == 3) {
		run(argv[2]);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		step(ways[i]);
		pid_t child = (pid_t)MUST(fork());
		if (child == 0) {
			if (i == 1)
				close(STDERR_FILENO);
			again(argv[0], ways[i]);
		}
		say_wait("child", child);
	}
	return 0;
}
