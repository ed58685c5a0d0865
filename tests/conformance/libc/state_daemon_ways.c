/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that go into the background, close what they do not know, and lock themselves in, with
 * a connection that was open before: it goes on in the one that is left, and ends with it. */
#include "../trace.h"

#include <grp.h>
#include <sys/stat.h>

enum { NOBODY = 65534, KEPT = 100 };
static char text[32];

/* The client's connection is on KEPT. */
static void serve(void)
{
	MUST(read_exact(KEPT, text, 8));
	MUST(write(KEPT, "answer", 6));
	MUST(read_exact(KEPT, text, 4));
	MUST(write(KEPT, "last words", 10));
}

static void by_daemon(int l)
{
	(void)l;
	MUST(daemon(0, 0));
	watchdog_start();
	serve();
}

static void by_forks(int l)
{
	(void)l;
	if (fork_watched())
		_exit(0);
	MUST(setsid());
	if (fork_watched())
		exit(0);
	for (int fd = 0; fd < 65536; fd++)
		if (fd != KEPT)
			close(fd);
	serve();
}

static void by_ranges(int l)
{
	(void)l;
	if (fork_watched())
		_exit(0);
	MUST(close_range(0, KEPT - 1, 0));
	closefrom(KEPT + 1);
	serve();
}

/* What it opens then is its own. */
static void connects_afterwards(int l)
{
	union address a = address_of(l);
	for (int fd = 0; fd < 65536; fd++)
		if (fd != KEPT)
			close(fd);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(dup2(c, KEPT + 1));
	close(c);
	MUST(connect(KEPT + 1, &a.any, address_size(&a)));
	MUST(write(KEPT + 1, "new", 3));
	serve();
}

static void locked_in(int l)
{
	(void)l;
	MUST(chroot("empty"));
	MUST(chdir("/"));
	MUST(setgroups(0, NULL));
	MUST(setgid(NOBODY));
	MUST(setuid(NOBODY));
	serve();
}

/* There a carrier is needed. */
static void locked_in_by_streams(int l)
{
	(void)l;
	MUST(chroot("empty"));
	MUST(chdir("/"));
	MUST(setgroups(0, NULL));
	MUST(setgid(NOBODY));
	MUST(setuid(NOBODY));
	FILE *f = fdopen(KEPT, "r+");
	MUST(f && fread(text, 1, 8, f) == 8 ? 0 : -1);
	MUST(fputs("answer", f));
	MUST(fflush(f));
	MUST(fread(text, 1, 4, f) == 4 ? 0 : -1);
	MUST(fputs("last words", f));
	MUST(fclose(f));
}

static void one(const char *name, void (*lives)(int l))
{
	struct pair p = pair_open(AF_INET);
	step(name);
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.c);
		MUST(dup2(p.s, KEPT));
		close(p.s);
		lives(p.l);
		_exit(0);
	}
	T(close(p.s));
	T(write(p.c, "question", 8));
	T(read_exact(p.c, text, 6));
	say("%.6s", text);
	if (lives == connects_afterwards) {
		int s = (int)MUST(accept(p.l, NULL, NULL));
		T(read_exact(s, text, 3));
		say("%.3s", text);
		close(s);
	} else if (lives == by_daemon || lives == by_forks || lives == by_ranges) {
		say_wait("who started it", child);
	}
	T(write(p.c, "more", 4));
	T(read_exact(p.c, text, 10));
	say("%.10s", text);
	T(read(p.c, text, 1));
	if (lives != by_daemon && lives != by_forks && lives != by_ranges)
		say_wait("child", child);
	close(p.c);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	mkdir("empty", 0755);
	one("daemon", by_daemon);
	one("two forks, and every number by itself", by_forks);
	one("a fork, and ranges", by_ranges);
	one("every number by itself, then a connection of its own", connects_afterwards);
	if (getuid() == 0) {
		one("chroot and another user", locked_in);
		one("chroot, another user and a stream", locked_in_by_streams);
	}
	return 0;
}
