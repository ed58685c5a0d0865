/* SPDX-License-Identifier: GPL-3.0-or-later */
/* select with a count as large as there may be descriptors: it looks no further than there are. */
#include "../trace.h"

#include <sys/mman.h>
#include <sys/resource.h>

/* How many descriptors the kernel's table has room for now, or had when that could be asked. */
static int table_size(void)
{
	static int size;
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "FDSize: %d", &size) != 1)
		;
	if (f)
		fclose(f);
	return size;
}

static bool has(const unsigned char *set, int fd)
{
	return set[fd / 8] >> fd % 8 & 1;
}

static void put(unsigned char *set, int fd)
{
	set[fd / 8] |= (unsigned char)(1 << fd % 8);
}

/* A set that ends where memory does. */
static unsigned char *set_at_edge(size_t size)
{
	unsigned char *pages = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
	                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + 32768, 32768, PROT_NONE))
		trace_die("mprotect");
	memset(pages, 0, 32768);
	return pages + 32768 - size;
}

static void ask(const char *when, const struct pair *p, int count)
{
	unsigned char *edge = set_at_edge((size_t)(table_size() + 7) / 8), *wide = calloc(1, 65536);
	struct timeval second = {1, 0}, now = {0, 0};
	struct timespec moment = {0, 10000000};
	int end = table_size();

	step(when);
	put(edge, p->s);
	T(select(count, (fd_set *)edge, NULL, NULL, &second));
	say("%s", has(edge, p->s) ? "readable" : "NOT readable");
	T(pselect(count, NULL, NULL, (fd_set *)edge, &moment, NULL));
	say("%s", has(edge, p->s) ? "SET" : "clear");

	put(edge, end - 1);
	put(edge, p->s);
	T(select(count, (fd_set *)edge, NULL, NULL, &now));
	say("%s", has(edge, p->s) && has(edge, end - 1) ? "as it was" : "CHANGED");

	memset(wide, 0xaa, 65536);
	memset(wide, 0, (size_t)end / 8);
	put(wide, p->s);
	put(wide, p->l);
	T(select(count, (fd_set *)wide, NULL, NULL, &now));
	say("%s", has(wide, p->s) && !has(wide, p->l) ? "readable" : "NOT readable");
	size_t wrong = 0;
	for (size_t i = (size_t)end / 8; i < 65536; i++)
		wrong += wide[i] != 0xaa;
	say("%zu bytes behind changed", wrong);
	free(wide);
}

/* A table is as small as can be after a fork. */
static void ask_small(void)
{
	struct pair p = pair_open(AF_INET);
	MUST(fcntl(p.s, F_DUPFD, 190));
	pid_t child = fork_watched();
	if (child == 0) {
		struct timeval now = {0, 0}, moment = {0, 10000};
		fd_set r;
		say("%d", table_size());
		FD_ZERO(&r);
		FD_SET(p.s, &r);
		FD_SET(256, &r);
		FD_SET(1000, &r);
		T(select(FD_SETSIZE, &r, NULL, NULL, &moment));
		say("%d %d %d", FD_ISSET(p.s, &r), FD_ISSET(256, &r), FD_ISSET(1000, &r));
		MUST(write(p.c, "x", 1));
		FD_SET(p.s, &r);
		T(select(FD_SETSIZE, NULL, NULL, &r, &moment));
		FD_SET(p.s, &r);
		T(select(FD_SETSIZE, &r, NULL, NULL, NULL));
		say("%d %d %d", FD_ISSET(p.s, &r), FD_ISSET(256, &r), FD_ISSET(1000, &r));
		FD_SET(199, &r);
		T(select(FD_SETSIZE, &r, NULL, NULL, &now));
		exit(0);
	}
	say_wait("child", child);
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	(void)argv;
	watchdog_start();
	if (argc == 2) {
		ask_small();
		return 0;
	}
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max < 100000 ? limit.rlim_max : 100000;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	if (getdtablesize() <= 4 * FD_SETSIZE) {
		say("no more than %d descriptors are allowed", getdtablesize());
		return 77;
	}
	struct pair p = pair_open(AF_INET);
	MUST(write(p.c, "x", 1));
	wait_readable(p.s);
	ask("all there may be", &p, getdtablesize());
	ask("more", &p, INT32_MAX);
	ask("beside a connection that is being made", &p, getdtablesize());

	step("the kernel's table has grown");
	struct pair high = p;
	high.s = (int)MUST(fcntl(p.s, F_DUPFD_CLOEXEC, 3000));
	ask("all there may be", &high, getdtablesize());
	ask("more", &high, INT32_MAX);
	struct pair fresh = pair_fresh(AF_INET);
	ask("beside a connection that is being made", &p, getdtablesize());
	pair_close(&fresh);

	int lowest = (int)MUST(dup(p.l));
	close(lowest);
	limit.rlim_cur = (rlim_t)lowest;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	ask("no descriptor is left", &high, INT32_MAX);

	step("no more than a set has, and yet more than the kernel's");
	MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){200, 200}));
	execl("/proc/self/exe", "poll_wide", "small", NULL);
	return 99;
}
