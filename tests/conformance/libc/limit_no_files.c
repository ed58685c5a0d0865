/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program that has locked itself in may open nothing any more: what it has, it uses. */
#include "../tasks.h"

#include <sys/resource.h>

static char buffer[100000];

/* Answers, and does everything, only when the other one waits for it. */
static pid_t peer(int l)
{
	pid_t parent = getpid(), pid = fork_watched();
	if (pid)
		return pid;
	wait_asleep(parent, parent);
	int s = (int)MUST(accept(l, NULL, NULL));
	MUST(read_exact(s, buffer, 4));
	for (int i = 0; i < 2; i++) {
		wait_asleep(parent, parent);
		fill(buffer, sizeof(buffer), 0);
		MUST(write_all(s, buffer, sizeof(buffer)));
	}
	wait_asleep(parent, parent);
	_exit(read(s, buffer, 1) != 0);
}

int main(void)
{
	struct rlimit none = {0, 0};

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	pid_t child = peer(l);
	int fd = connect_to(l);
	MUST(setrlimit(RLIMIT_NOFILE, &none));
	T(write(fd, "word", 4));
	for (int i = 0; i < 2; i++) {
		T(recv(fd, buffer, sizeof(buffer), MSG_WAITALL));
		say_sum("got", buffer, sizeof(buffer));
	}
	T(shutdown(fd, SHUT_WR));
	T(recv(fd, buffer, 1, 0));
	T(close(fd));
	say_wait("peer", child);
	return 0;
}
