/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exec that fails, for every reason and by every name: connections and their flags are as before,
 * whoever else holds them. */
#include "../trace.h"

#include <sys/stat.h>

static char text[16];
static char *argv[] = {"program", NULL, NULL}, *none[] = {NULL};
static char long_word[4 << 20];

static int long_list(const char *path)
{
	argv[1] = long_word;
	int result = execve(path, argv, none);
	argv[1] = NULL;
	return result;
}

static int by_descriptor(const char *path, bool at)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = errno;
	if (fd < 0)
		return -1;
	int result = at ? execveat(fd, "", argv, none, AT_EMPTY_PATH) : fexecve(fd, argv, none);
	error = errno;
	close(fd);
	errno = error;
	return result;
}

static void all(void)
{
	static const char *const paths[] = {"/nowhere/at/all", "no-such-program", "/", "script",
	                                    "locked", "script/below"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *path = paths[i];
		say("%s", path);
		T(execve(path, argv, none));
		T(execv(path, argv));
		if (strcmp(path, "script")) { /* which a shell would run */
			T(execvp(path, argv));
			T(execvpe(path, argv, none));
			T(execlp(path, "program", (char *)NULL));
		}
		T(execl(path, "program", "word", (char *)NULL));
		T(execle(path, "program", (char *)NULL, none));
		T(execveat(AT_FDCWD, path, argv, none, 0));
		T(by_descriptor(path, true));
		T(by_descriptor(path, false));
	}
	T(long_list("/bin/true"));
	T(execveat(AT_FDCWD, "/bin/true", argv, none, -1));
	T(execveat(-1, "true", argv, none, 0));
}

static void flags(const char *name, int fd)
{
	say("%s: %s", name, fcntl(fd, F_GETFD) & FD_CLOEXEC ? "closed by exec" : "kept");
}

/* Each side of the connection in a process of its own, or both in one. */
static void both_ways(const struct pair *p)
{
	T(write(p->c, "there", 5));
	T(read_exact(p->s, text, 5));
	T(write(p->s, "back", 4));
	T(read_exact(p->c, text, 4));
}

static void alone(void)
{
	struct pair p = pair_open(AF_INET);
	int copy = (int)MUST(dup(p.s));
	step("the only process");
	MUST(fcntl(p.c, F_SETFD, 0));
	all();
	flags("c", p.c);
	flags("s", p.s);
	flags("copy", copy);
	both_ways(&p);
	T(close(copy));
	T(close(p.c));
	T(read(p.s, text, 1));
	pair_close(&p);
}

/* Whoever ends first, the other goes on, and the last end is the end. */
static void shared(bool child_ends_first)
{
	struct pair p = pair_open(AF_INET);
	int go[2];
	step(child_ends_first ? "a child ends first" : "a child is the last");
	MUST(pipe2(go, O_CLOEXEC));
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.s);
		close(go[1]);
		execl("/nowhere/at/all", "nowhere", (char *)NULL);
		MUST(write(p.c, "child", 5));
		if (!child_ends_first)
			MUST(read(go[0], text, 1) + 1);
		close(p.c);
		_exit(0);
	}
	close(go[0]);
	T(execl("/nowhere/at/all", "nowhere", (char *)NULL));
	T(read_exact(p.s, text, 5));
	if (child_ends_first)
		say_wait("child", child);
	both_ways(&p);
	T(execl("/nowhere/at/all", "nowhere", (char *)NULL));
	both_ways(&p);
	T(close(p.c));
	close(go[1]);
	T(read(p.s, text, 1));
	if (!child_ends_first)
		say_wait("child", child);
	close(p.s);
	close(p.l);
}

static void not_settled(void)
{
	struct pair p = pair_fresh(AF_INET);
	step("before a word is said");
	T(execl("/nowhere/at/all", "nowhere", (char *)NULL));
	settle(p.c, p.s);
	both_ways(&p);
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	memset(long_word, 'x', sizeof(long_word) - 1);
	int fd = (int)MUST(open("script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700));
	MUST(write(fd, "no program\n", 11));
	close(fd);
	fd = (int)MUST(open("locked", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	MUST(write(fd, "#!/bin/sh\n", 10));
	close(fd);
	alone();
	shared(true);
	shared(false);
	not_settled();
	return 0;
}
