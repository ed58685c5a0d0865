/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A vfork child opens connections of its own, uses them, and starts programs with them; its
 * parent's numbers are not concerned. */
#include "../trace.h"

#include <sys/stat.h>

static char text[64];
static char *cat[] = {"cat", NULL};
enum kind { ACCEPTS, CONNECTS };

/* A peer that is a process of its own: says a line, and what comes back is said. */
static pid_t peer(int l, enum kind kind)
{
	pid_t pid = fork_watched();
	if (pid)
		return pid;
	int fd = kind == ACCEPTS ? connect_to(l) : (int)MUST(accept(l, NULL, NULL));
	bool good = write_all(fd, "from the peer", 13) == 13;
	shutdown(fd, SHUT_WR);
	good &= read_exact(fd, text, sizeof(text)) == 13 && memcmp(text, "from the peer", 13) == 0;
	_exit(!good);
}

static int opened(int l, enum kind kind)
{
	return kind == ACCEPTS ? accept4(l, NULL, NULL, SOCK_CLOEXEC) : connect_to(l);
}

/* Files on whatever numbers the child may have had are the parent's. */
static void numbers_work(void)
{
	int fds[8], ends[2];
	struct stat s;
	for (int i = 0; i < 8; i += 2) {
		MUST(pipe2(ends, O_CLOEXEC));
		fds[i] = ends[0];
		fds[i + 1] = ends[1];
		T(write(ends[1], "pipe", 4));
		T(read(ends[0], text, 4));
		T(fstat(ends[0], &s));
	}
	for (int i = 0; i < 8; i++)
		close(fds[i]);
}

static void uses(enum kind kind)
{
	int l = listen_on(AF_INET, 8);
	pid_t other = peer(l, kind), child = vfork();
	if (child == 0) {
		int fd = opened(l, kind);
		ssize_t got = read_exact(fd, text, 13);
		bool good = got == 13 && write_all(fd, text, 13) == 13;
		close(fd);
		_exit(good ? 0 : 1);
	}
	say_wait("child", child);
	say_wait("peer", other);
	numbers_work();
	close(l);
}

static void starts(enum kind kind, bool closes)
{
	int l = listen_on(AF_INET, 8);
	pid_t other = peer(l, kind), child = vfork();
	if (child == 0) {
		int fd = opened(l, kind);
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		if (closes)
			closefrom(3);
		execvp("cat", cat);
		_exit(127);
	}
	numbers_work();
	say_wait("program", child);
	say_wait("peer", other);
	close(l);
}

/* On the number of a connection of its parent's. */
static void instead(enum kind kind)
{
	struct pair p = pair_open(AF_INET);
	int l = listen_on(AF_INET, 8);
	pid_t other = peer(l, kind), child = vfork();
	if (child == 0) {
		close(p.c);
		close(p.s);
		int fd = opened(l, kind);
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		execvp("cat", cat);
		_exit(127);
	}
	say_wait("program", child);
	say_wait("peer", other);
	T(write(p.c, "still", 5));
	T(read_exact(p.s, text, 5));
	T(write(p.s, "works", 5));
	T(read_exact(p.c, text, 5));
	close(l);
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	for (int kind = ACCEPTS; kind <= CONNECTS; kind++) {
		say("# a child that %s", kind == ACCEPTS ? "accepts" : "connects");
		step("uses it");
		uses(kind);
		step("starts a program");
		starts(kind, false);
		starts(kind, true);
		step("on its parent's number");
		instead(kind);
	}
	return 0;
}
