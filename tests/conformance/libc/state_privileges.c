/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A daemon locks itself in: fork, all numbers closed, chroot, another user; then it serves. */
#include "../trace.h"

#include <grp.h>
#include <sys/stat.h>

enum { NOBODY = 65534 };
static char buffer[6];

static void lock_in(const char *folder)
{
	MUST(setsid());
	for (int fd = 64; fd < 1100; fd++)
		close(fd);
	MUST(chroot(folder));
	MUST(chdir("/"));
	MUST(setgroups(0, NULL));
	MUST(setgid(NOBODY));
	MUST(setuid(NOBODY));
}

static void talk(int l, bool first)
{
	struct pair p = {.l = l};
	if (first)
		p.s = (int)MUST(accept(l, NULL, NULL));
	else
		p.c = connect_to(l);
	int fd = first ? p.s : p.c;
	MUST(write(fd, "locked", 6));
	MUST(read_exact(fd, buffer, 6));
	MUST(write(fd, buffer, 6));
	MUST(shutdown(fd, SHUT_WR));
	MUST(read(fd, buffer, 1));
	close(fd);
}

static void serve(int l, int other, const char *folder)
{
	if (fork_watched())
		_exit(0);
	lock_in(folder);
	talk(l, true);
	talk(other, false);
	pid_t child = fork_watched();
	if (child == 0) {
		talk(l, true);
		_exit(0);
	}
	_exit(waitpid(child, NULL, 0) != child);
}

static void meet(int fd)
{
	T(read_exact(fd, buffer, 6));
	say("%.6s", buffer);
	T(write(fd, "opened", 6));
	T(read_exact(fd, buffer, 6));
	say("%.6s", buffer);
	T(read(fd, buffer, 1));
	T(close(fd));
}

int main(void)
{
	char folder[] = "/tmp/conformance.XXXXXX";

	watchdog_start();
	if (getuid() != 0) {
		say("only root may chroot");
		return 77;
	}
	MUST(mkdtemp(folder) ? 0 : -1);
	int l = listen_on(AF_INET, 8), other = listen_on(AF_INET, 8);
	pid_t child = fork_watched();
	if (child == 0)
		serve(l, other, folder);
	say_wait("parent of the daemon", child);
	step("to it");
	meet(connect_to(l));
	step("from it");
	meet((int)MUST(accept(other, NULL, NULL)));
	step("its child");
	meet(connect_to(l));
	MUST(rmdir(folder));
	return 0;
}
