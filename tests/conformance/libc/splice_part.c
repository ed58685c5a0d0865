/* SPDX-License-Identifier: GPL-3.0-or-later */
/* splice into a pipe with room for some: some is moved at once, and the rest when there is room. */
#include "../trace.h"

#define TOTAL 20000

static void move(const char *name, unsigned flags)
{
	static char fill_up[61440], out[TOTAL], in[TOTAL];
	int a[2];
	step(name);
	struct pair p = pair_open(AF_INET);
	MUST(pipe2(a, O_CLOEXEC));
	MUST(write(a[1], fill_up, sizeof(fill_up))); /* of 65536 */
	fill(out, TOTAL, 0);
	MUST(write(p.c, out, TOTAL));
	wait_arrived(p.c, p.s);
	trace_call = "splice";
	ssize_t n = splice(p.s, NULL, a[1], NULL, TOTAL, flags);
	say("%s", n > 0 && n < TOTAL ? "a part" : n == TOTAL ? "ALL" : strerrorname_np(errno));
	MUST(read_exact(a[0], fill_up, sizeof(fill_up)));
	size_t moved = n > 0 ? (size_t)n : 0;
	size_t got = 0;
	while (got < TOTAL) {
		if (moved < TOTAL)
			moved += (size_t)MUST(splice(p.s, NULL, a[1], NULL, TOTAL - moved, flags));
		got += (size_t)MUST(read(a[0], in + got, TOTAL - got));
	}
	say("%s", memcmp(in, out, TOTAL) ? "DIFFERENT" : "equal");
	close(a[0]);
	close(a[1]);
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	move("SPLICE_F_NONBLOCK", SPLICE_F_NONBLOCK);
	move("both ends block", 0);
	return 0;
}
