/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RLIMIT_AS, set by the program itself and before it starts: there is room as without us. */
/* NOT address: AddressSanitizer reserves more than any limit */
/* NOT thread: ThreadSanitizer reserves more than any limit */
#include "../tasks.h"

#include <sys/resource.h>

enum { PAIRS = 30 };

static void limit(rlim_t mebibytes)
{
	struct rlimit space = {mebibytes << 20, RLIM_INFINITY};
	T(setrlimit(RLIMIT_AS, &space));
}

static void a_thread(void *unused)
{
	(void)unused;
	say("a thread");
}

static void say_room(size_t mebibytes)
{
	struct task t;
	void *p = malloc(mebibytes << 20);
	say("malloc of %zu MiB: %s", mebibytes, p ? "ok" : "NULL");
	free(p);
	task_start(&t, a_thread, NULL);
	task_join(&t);
}

static void say_connections(void)
{
	static struct pair pairs[PAIRS];
	char buffer[16];
	unsigned right = 0;
	for (int i = 0; i < PAIRS; i++) {
		pairs[i] = pair_open(AF_INET);
		MUST(write(pairs[i].c, "hello", 5));
		right += read_exact(pairs[i].s, buffer, 5) == 5 && !memcmp(buffer, "hello", 5);
	}
	say("%u connections are right", right);
	for (int i = 0; i < PAIRS; i++)
		pair_close(&pairs[i]);
}

static void in_child(void)
{
	pid_t child = fork_watched();
	if (child == 0) {
		say_room(50);
		say_connections();
		_exit(0);
	}
	say_wait("child", child);
}

int main(int argc, char **argv)
{
	watchdog_start();
	if (argc > 1) {
		step("a limit that was there");
		say_room(50);
		say_connections();
		say_room(50);
		in_child();
		return 0;
	}
	step("a limit before the first connection");
	limit(1024);
	say_room(50);
	say_connections();

	step("and one with connections there");
	limit(400);
	say_room(50);
	say_connections();
	in_child();

	char *const again[] = {argv[0], (char *)(uintptr_t)"run", NULL};
	execv("/proc/self/exe", again);
	trace_die("execv");
}
