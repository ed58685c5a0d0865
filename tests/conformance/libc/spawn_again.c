/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of posix_spawn's actions that was made for one connection is used for the next one that
 * has its number, and for a file; others come and go meanwhile. */
#include "../processes.h"

#include <spawn.h>

enum { NUMBER = 60, OTHERS = 500 };
static posix_spawn_file_actions_t others[OTHERS];
static char text[32];
static char *cat[] = {"cat", NULL};

static void serve(struct pair p, const posix_spawn_file_actions_t *actions)
{
	pid_t child;
	say("%d", posix_spawnp(&child, "cat", actions, NULL, cat, environ));
	close(NUMBER);
	echoes(p.c, child);
	close(p.c);
	close(p.l);
}

static struct pair pair_at(bool open)
{
	struct pair p = open ? pair_open(AF_INET) : pair_fresh(AF_INET);
	MUST(dup3(p.s, NUMBER, O_CLOEXEC));
	close(p.s);
	return p;
}

int main(void)
{
	posix_spawn_file_actions_t actions;
	watchdog_start();
	struct pair p = pair_at(true);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, NUMBER, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	step("the first connection");
	serve(p, &actions);
	step("the second");
	serve(pair_at(true), &actions);
	step("a fresh one");
	serve(pair_at(false), &actions);
	step("after many other lists");
	for (int i = 0; i < 2000; i++) {
		posix_spawn_file_actions_init(&others[0]);
		posix_spawn_file_actions_adddup2(&others[0], NUMBER + 1, STDIN_FILENO);
		posix_spawn_file_actions_destroy(&others[0]);
	}
	serve(pair_at(true), &actions);
	step("beside many that are kept, too");
	for (int i = 0; i < OTHERS; i++) {
		posix_spawn_file_actions_init(&others[i]);
		posix_spawn_file_actions_adddup2(&others[i], NUMBER + 1, STDIN_FILENO);
	}
	serve(pair_at(true), &actions);
	for (int i = 0; i < OTHERS; i++)
		posix_spawn_file_actions_destroy(&others[i]);
	step("a file");
	pid_t child;
	int ends[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	MUST(dup2(ends[1], NUMBER));
	close(ends[1]);
	say("%d", posix_spawnp(&child, "cat", &actions, NULL, cat, environ));
	close(NUMBER);
	T(write(ends[0], "to the program", 14));
	T(read_exact(ends[0], text, 14));
	T(shutdown(ends[0], SHUT_WR));
	say_wait("program", child);
	close(ends[0]);
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}
