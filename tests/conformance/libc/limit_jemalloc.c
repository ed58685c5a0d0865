/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program whose malloc is jemalloc, preloaded behind and before whatever else is preloaded. */
/* NOT address: AddressSanitizer wants to be the program's malloc, before and behind all else */
/* NOT thread: ThreadSanitizer wants to be the program's malloc, before and behind all else */
#include "../tasks.h"

#include <dlfcn.h>

#define LIBRARY "libjemalloc.so.2"

/* The program again, with jemalloc; the third argument is where it stands. */
static void again(char *self, const char *place)
{
	static char list[4096];
	const char *before = getenv("SEEN_PRELOAD");
	if (!strcmp(place, "first"))
		snprintf(list, sizeof(list), LIBRARY " %s", before);
	else
		snprintf(list, sizeof(list), "%s " LIBRARY, before);
	setenv("LD_PRELOAD", list, 1);
	char *const argv[] = {self, "run", (char *)(uintptr_t)place, NULL};
	execv("/proc/self/exe", argv);
	trace_die("execv");
}

/* Takes and gives memory of many sizes beside the connections. */
static void churn(void *argument)
{
	void *kept[64] = {0};
	for (unsigned i = 0; !*(volatile bool *)argument; i++) {
		free(kept[i % 64]);
		kept[i % 64] = malloc(16 + i * 37 % 5000);
		if (i % 1000 == 0)
			sched_yield();
	}
	for (int i = 0; i < 64; i++)
		free(kept[i]);
}

static void run(void)
{
	static char out[100000], in[100000];
	volatile bool stop = false;
	struct task t;
	say("jemalloc %s", dlsym(RTLD_DEFAULT, "mallctl") ? "is there" : "IS NOT THERE");
	task_start(&t, churn, (void *)(uintptr_t)&stop);
	for (int i = 0; i < 5; i++) {
		struct pair p = pair_open(AF_INET);
		fill(out, sizeof(out), (size_t)i);
		pid_t child = fork_watched();
		if (child == 0)
			_exit(write_all(p.c, out, sizeof(out)) != sizeof(out));
		T(read_exact(p.s, in, sizeof(in)));
		say("%s", memcmp(in, out, sizeof(in)) ? "DIFFERENT" : "equal");
		say_wait("writer", child);
		T(close(p.c));
		T(read(p.s, in, 1));
		close(p.s);
		close(p.l);
	}
	stop = true;
	task_join(&t);
}

int main(int argc, char **argv)
{
	watchdog_start();
	if (argc == 3) {
		run();
		return 0;
	}
	/* It can only be preloaded; but why it cannot be opened tells whether it is there. */
	if (!dlopen(LIBRARY, RTLD_NOW) && strstr(dlerror(), "cannot open")) {
		say("there is no " LIBRARY " here");
		return 77;
	}
	const char *preload = getenv("LD_PRELOAD");
	setenv("SEEN_PRELOAD", preload ? preload : "", 1);
	static const char *const places[] = {"first", "last"};
	for (int i = 0; i < 2; i++) {
		step(places[i]);
		pid_t child = (pid_t)MUST(fork());
		if (child == 0)
			again(argv[0], places[i]);
		say_wait(places[i], child);
	}
	return 0;
}
