/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RLIMIT_NOFILE reached: EMFILE where descriptors are made, everything else goes on. */
#include "../trace.h"

#include <sys/resource.h>

int main(void)
{
	char buffer[16];
	int fill_up[64], filled = 0;

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	int waiting = connect_to(p.l);
	struct rlimit limit;
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 40;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	while (filled < 64 && (fill_up[filled] = open("/dev/null", O_RDONLY)) >= 0)
		filled++;

	T(socket(AF_INET, SOCK_STREAM, 0));
	T(accept(p.l, NULL, NULL));
	T(dup(p.c));
	T(fcntl(p.c, F_DUPFD, 0));
	T(write(p.c, "go on", 5));
	T(read_exact(p.s, buffer, 5));
	say_poll("l", p.l, POLLIN, 0);

	step("one is given back");
	close(fill_up[--filled]);
	int s = (int)MUST(accept(p.l, NULL, NULL));
	settle(waiting, s);
	T(write(waiting, "at last", 7));
	T(read_exact(s, buffer, 7));
	return 0;
}
