/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: ThreadSanitizer answers SIGSEGV itself */
/* POLICY: truncated = "eof"; */
/* A signal that nobody catches ends the process: what it wrote is read, then the end. */
#include "../trace.h"

#include <sys/resource.h>

enum { MUCH = 100000 };

/* An unannounced end is an error under TLS unless the policy says otherwise; here it does. */

static void one(int signal, bool by_itself)
{
	static char much[MUCH];
	char name[64], byte;
	int ready[2];
	snprintf(name, sizeof(name), "SIG%s, %s", sigabbrev_np(signal),
	         by_itself ? "its own" : "sent");
	step(name);
	struct pair p = pair_open(AF_INET);
	MUST(pipe(ready));
	pid_t child = fork_watched();
	if (child == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		close(p.s);
		MUST(read(p.c, &byte, 1)); /* the parent has let go */
		fill(much, sizeof(much), 0);
		MUST(write_all(p.c, much, sizeof(much)));
		if (by_itself)
			raise(signal);
		MUST(write(ready[1], "", 1));
		for (;;)
			pause();
	}
	close(p.c);
	close(ready[1]);
	MUST(write(p.s, "", 1));
	MUST(read(ready[0], &byte, 1)); /* or it is dead */
	close(ready[0]);
	kill(child, signal);
	say_wait("child", child);
	T(read_exact(p.s, much, sizeof(much)));
	say_sum("got", much, sizeof(much));
	T(read(p.s, &byte, 1));
	T(read(p.s, &byte, 1));
	close(p.s);
	close(p.l);
}

int main(void)
{
	static const int signals[] = {SIGTERM, SIGSEGV, SIGABRT, SIGKILL, SIGHUP};

	watchdog_start();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		for (int by_itself = 0; by_itself <= 1; by_itself++)
			one(signals[i], by_itself);
	return 0;
}
