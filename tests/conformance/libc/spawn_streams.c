/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection as another program's standard streams: by vfork, posix_spawn with all its actions
 * and attributes, system and popen. */
#include "../processes.h"

#include <spawn.h>

static char text[100];
static char *cat[] = {"cat", NULL};

/* The parent has let go of s; what it says to c comes back. */
static void answers(struct pair *p, pid_t child)
{
	T(close(p->s));
	echoes(p->c, child);
	T(close(p->c));
	T(close(p->l));
}

static void by_vfork(bool closes)
{
	struct pair p = pair_open(AF_INET), other = pair_open(AF_INET);
	say("# vfork%s", closes ? ", everything else closed" : "");
	pid_t child = vfork();
	if (child == 0) {
		dup2(p.s, STDIN_FILENO);
		dup2(p.s, STDOUT_FILENO);
		if (closes)
			closefrom(3);
		execvp("cat", cat);
		_exit(127);
	}
	T(write(other.c, "others go on", 12));
	T(read_exact(other.s, text, 12));
	answers(&p, child);
	pair_close(&other);
}

/* A vfork child that fails has changed nothing. */
static void by_vfork_failing(void)
{
	struct pair p = pair_open(AF_INET);
	step("vfork, and there is no such program");
	pid_t child = vfork();
	if (child == 0) {
		dup2(p.s, STDIN_FILENO);
		execvp("no-such-program-anywhere", cat);
		_exit(3);
	}
	say_wait("child", child);
	T(write(p.c, "still", 5));
	T(read_exact(p.s, text, 5));
	T(write(p.s, "works", 5));
	T(read_exact(p.c, text, 5));
	pair_close(&p);
}

enum { PLAIN, GROUP, MASK, DEFAULTS, SEARCHED, KINDS };

static void by_spawn(int kind)
{
	static const char *const names[] = {"posix_spawn", "a process group of its own",
	                                    "a signal mask", "signals as at the start",
	                                    "posix_spawnp"};
	struct pair p = pair_open(AF_INET);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	pid_t child;
	step(names[kind]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p.s, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, p.s, STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, p.s);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, kind == GROUP ? POSIX_SPAWN_SETPGROUP
	                                      : kind == MASK ? POSIX_SPAWN_SETSIGMASK
	                                      : kind == DEFAULTS ? POSIX_SPAWN_SETSIGDEF : 0);
	if (kind == SEARCHED)
		say("%d", posix_spawnp(&child, "cat", &actions, &attributes, cat, environ));
	else
		say("%d", posix_spawn(&child, "/bin/cat", &actions, &attributes, cat, environ));
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (kind == GROUP)
		say("group of its own: %d", getpgid(child) == child);
	answers(&p, child);
}

static void by_spawn_failing(void)
{
	struct pair p = pair_open(AF_INET);
	posix_spawn_file_actions_t actions;
	pid_t child;
	step("posix_spawn of nothing");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p.s, STDIN_FILENO);
	say("%d", posix_spawn(&child, "/no/such/program", &actions, NULL, cat, environ));
	posix_spawn_file_actions_destroy(&actions);
	T(write(p.c, "still", 5));
	T(read_exact(p.s, text, 5));
	T(write(p.s, "works", 5));
	T(read_exact(p.c, text, 5));
	pair_close(&p);
}

/* The list is made first, and used for one connection after the other. */
static void by_plan(void)
{
	enum { NUMBER = 60 };
	posix_spawn_file_actions_t actions;
	pid_t child;
	step("posix_spawn with a list that was there before");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, NUMBER, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, NUMBER, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	for (int turn = 0; turn < 2; turn++) {
		struct pair p = pair_open(AF_INET);
		MUST(dup2(p.s, NUMBER));
		MUST(close(p.s));
		p.s = NUMBER;
		say("%d", turn ? posix_spawnp(&child, "cat", &actions, NULL, cat, environ)
		               : posix_spawn(&child, "/bin/cat", &actions, NULL, cat, environ));
		answers(&p, child);
	}
	posix_spawn_file_actions_destroy(&actions);
	struct pair p = pair_open(AF_INET);
	MUST(dup2(p.s, NUMBER));
	posix_spawn_file_actions_init(&actions);
	say("%d", posix_spawn(&child, "/bin/true", &actions, NULL, cat, environ));
	say_wait("true", child);
	close(NUMBER);
	pair_close(&p);
}

/* A server that inetd has started, and that starts programs: their streams are its own. */
static void server(const struct pair *p)
{
	char line[20] = "";
	dup2(p->s, STDIN_FILENO);
	dup2(p->s, STDOUT_FILENO);
	closefrom(3);
	watchdog_start();
	bool good = system("read line; echo \"$line by system\"") == 0;
	FILE *f = popen("read line; echo \"$line\"", "r");
	good &= f && fgets(line, sizeof(line), f) && pclose(f) == 0;
	printf("%.3s by popen\n", line);
	fflush(stdout);
	f = popen("cat", "w");
	good &= f && fputs("three by a pipe\n", f) > 0 && pclose(f) == 0;
	_exit(!good);
}

static void by_shells(void)
{
	struct pair p = pair_open(AF_INET);
	step("system and popen");
	pid_t child = fork_watched();
	if (child == 0)
		server(&p);
	T(close(p.s));
	T(write(p.c, "one\n", 4));
	T(read_exact(p.c, text, 14));
	say("%.13s", text);
	T(write(p.c, "two\n", 4));
	T(read_exact(p.c, text, 13));
	say("%.12s", text);
	T(read_exact(p.c, text, 16));
	say("%.15s", text);
	T(read(p.c, text, 1));
	say_wait("server", child);
	close(p.c);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	by_vfork(false);
	by_vfork(true);
	by_vfork_failing();
	for (int kind = 0; kind < KINDS; kind++)
		by_spawn(kind);
	by_spawn_failing();
	by_plan();
	by_shells();
	T(wait(NULL));
	return 0;
}
