/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a program has written to its standard output, a connection, before it ended comes before
 * what its parent, which has waited for it, writes, and before the end that it shuts. */
#include "../trace.h"

#include <sys/mman.h>
#include <sys/sendfile.h>

enum { TURNS = 20 };
static char text[200000];

static void say_something(const struct pair *p, const char *command)
{
	char *const argv[] = {"sh", "-c", (char *)command, NULL};
	pid_t child = vfork();
	if (child == 0) {
		dup2(p->s, STDOUT_FILENO);
		execv("/bin/sh", argv);
		_exit(127);
	}
	waitpid(child, NULL, 0);
}

static void writes(void)
{
	struct pair p = pair_open(AF_INET);
	int bad = 0;
	step("and the parent writes");
	for (int i = 0; i < TURNS; i++) {
		say_something(&p, "echo from the child");
		MUST(write(p.s, "from the parent", 15));
		MUST(read_exact(p.c, text, 30));
		bad += memcmp(text, "from the child\nfrom the parent", 30) != 0;
	}
	say("%d out of order", bad);
	pair_close(&p);
}

static void writes_otherwise(void)
{
	int bad = 0, file = (int)MUST(memfd_create("some", 0)), ends[2];
	step("and the parent writes otherwise");
	MUST(write(file, "a file", 6));
	MUST(pipe2(ends, O_CLOEXEC));
	for (int i = 0; i < TURNS; i++) {
		struct pair p = pair_open(AF_INET);
		say_something(&p, "echo from the child");
		MUST(lseek(file, 0, SEEK_SET));
		MUST(sendfile(p.s, file, NULL, 6));
		say_something(&p, "echo from the child");
		MUST(write(ends[1], "a pipe", 6));
		MUST(splice(ends[0], NULL, p.s, NULL, 6, 0));
		say_something(&p, "echo from the child");
		set_nonblocking(p.s, true);
		MUST(write(p.s, "at once", 7));
		MUST(read_exact(p.c, text, 64));
		bad += memcmp(text, "from the child\na filefrom the child\na pipe"
		                    "from the child\nat once", 64) != 0;
		pair_close(&p);
	}
	say("%d out of order", bad);
	close(file);
	close(ends[0]);
	close(ends[1]);
}

/* One program after the other. */
static void programs(void)
{
	struct pair p = pair_open(AF_INET);
	int bad = 0;
	step("and another one writes");
	for (int i = 0; i < TURNS; i++) {
		say_something(&p, "echo from the first");
		say_something(&p, "echo from the second");
		pid_t child = fork();
		if (child == 0) {
			dup2(p.s, STDOUT_FILENO);
			execl("/bin/sh", "sh", "-c", "echo from the third", NULL);
			_exit(127);
		}
		waitpid(child, NULL, 0);
		MUST(read_exact(p.c, text, 46));
		bad += memcmp(text, "from the first\nfrom the second\nfrom the third\n", 46) != 0;
	}
	say("%d out of order", bad);
	pair_close(&p);
}

/* More than sockets take at once, while the peer reads. */
static void much(struct pair p)
{
	step("and much of it");
	pid_t reader = fork_watched();
	if (reader == 0) {
		uint64_t size = 0;
		ssize_t got;
		close(p.s);
		close(p.l);
		poll(NULL, 0, 50);
		uint64_t sum = SUM;
		while ((got = read(p.c, text, sizeof(text))) > 0) {
			size += (uint64_t)got;
			sum = sum_add(sum, text, (size_t)got);
		}
		say("%llu bytes, sum %016llx", (unsigned long long)size, (unsigned long long)sum);
		_exit(0);
	}
	close(p.c);
	for (int i = 0; i < 3; i++) {
		say_something(&p, "head -c 3000000 /dev/zero");
		memset(text, 'a' + i, sizeof(text));
		MUST(write_all(p.s, text, sizeof(text)));
	}
	MUST(shutdown(p.s, SHUT_RDWR));
	say_wait("reader", reader);
	close(p.s);
	close(p.l);
}

static void shuts(int how)
{
	int lost = 0;
	step(how == SHUT_WR ? "and the parent shuts writing" : "both");
	for (int i = 0; i < TURNS; i++) {
		struct pair p = pair_open(AF_INET);
		say_something(&p, "echo from the child");
		MUST(shutdown(p.s, how));
		lost += read_exact(p.c, text, 100) != 15;
		pair_close(&p);
	}
	say("%d lost", lost);
}

int main(void)
{
	watchdog_start();
	writes();
	writes_otherwise();
	programs();
	much(pair_open(AF_INET));
	much(pair_fresh(AF_INET));
	shuts(SHUT_WR);
	shuts(SHUT_RDWR);
	return 0;
}
