/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program that locks all its memory, now and to come: what nobody uses does not become memory. */
/* NOT address: under AddressSanitizer mlockall(2) does nothing, and no address space is enough */
/* NOT thread: under ThreadSanitizer mlockall(2) does nothing, and no address space is enough */
#include "../trace.h"

#include <sys/mman.h>
#include <sys/resource.h>

enum { PAIRS = 50, MOST = 40 /* MiB; 100 connections and a policy make a few */ };

/* VmRSS: memory there is; VmLck: what counts against RLIMIT_MEMLOCK.  In MiB. */
static long status(const char *name)
{
	char line[256];
	long kibibytes = -1;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			kibibytes = atol(line + strlen(name) + 1);
	if (kibibytes < 0)
		trace_die("/proc/self/status");
	fclose(f);
	return kibibytes / 1024;
}

static long resident, locked; /* before */

static void say_growth(void)
{
	long memory = status("VmRSS") - resident, lock = status("VmLck") - locked;
	if (memory > MOST || lock > MOST)
		say("%ld MiB of memory more, %ld locked", memory, lock);
	else
		say("a little memory more");
}

static void connections(struct pair *pairs)
{
	char buffer[16];
	unsigned right = 0;
	for (int i = 0; i < PAIRS; i++) {
		pairs[i] = pair_open(AF_INET);
		MUST(write(pairs[i].c, "hello", 5));
		right += read_exact(pairs[i].s, buffer, 5) == 5 && !memcmp(buffer, "hello", 5);
	}
	say("%u are right", right);
}

static int run(void)
{
	static struct pair early[PAIRS], late[PAIRS];

	resident = status("VmRSS");
	locked = status("VmLck");
	if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
		say("this user may not lock memory");
		return 77;
	}
	say_growth();

	step("connections");
	connections(early);
	say_growth();

	step("in a child, which locks for itself");
	pid_t child = fork_watched();
	if (child == 0) {
		resident = status("VmRSS");
		locked = status("VmLck");
		T(mlockall(MCL_FUTURE));
		connections(late);
		say_growth();
		_exit(0);
	}
	say_wait("child", child);

	step("they end, and others come");
	for (int i = 0; i < PAIRS; i++)
		pair_close(&early[i]);
	connections(late);
	say_growth();
	return 0;
}

/* The limit is for who tests: whatever is filled by mistake, the machine has memory for it. */
int main(int argc, char **argv)
{
	struct rlimit space = {1600000000, 1600000000}, lock;

	watchdog_start();
	if (argc > 1)
		return run();
	MUST(getrlimit(RLIMIT_MEMLOCK, &lock));
	if (geteuid() && lock.rlim_cur < 512 << 20) {
		say("this user may not lock memory");
		return 77;
	}
	MUST(setrlimit(RLIMIT_AS, &space));
	char *const again[] = {argv[0], (char *)(uintptr_t)"run", NULL};
	execv("/proc/self/exe", again);
	trace_die("execv");
}
