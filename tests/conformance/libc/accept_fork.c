/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accept, fork, the parent closes, the child serves: the postmaster's way, several at once. */
#include "../trace.h"

#define MANY 6

static void serve(int s)
{
	char buffer[4096];
	ssize_t n;
	while ((n = read(s, buffer, sizeof(buffer))) > 0)
		write_all(s, buffer, (size_t)n);
	_exit(n == 0 ? 0 : 1);
}

int main(void)
{
	pid_t master = 0, child[MANY];
	char out[2000], in[2000];

	watchdog_start();
	int l = listen_on(AF_INET, 128);
	master = fork_watched();
	if (master == 0) {
		for (int i = 0; i < MANY; i++) {
			int s = (int)MUST(accept(l, NULL, NULL));
			if ((child[i] = fork_watched()) == 0) {
				close(l);
				serve(s);
			}
			close(s);
		}
		int bad = 0, status;
		for (int i = 0; i < MANY; i++)
			bad += waitpid(child[i], &status, 0) != child[i] || status != 0;
		_exit(bad);
	}
	int c[MANY];
	for (int i = 0; i < MANY; i++)
		c[i] = connect_to(l);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			fill(out, sizeof(out), (size_t)(i * 1000 + round));
			MUST(write_all(c[i], out, sizeof(out)));
		}
		for (int i = 0; i < MANY; i++) {
			fill(out, sizeof(out), (size_t)(i * 1000 + round));
			MUST(read_exact(c[i], in, sizeof(in)));
			say("round %d: %s", round,
			    memcmp(in, out, sizeof(in)) ? "DIFFERENT" : "equal");
		}
	}
	for (int i = 0; i < MANY; i++)
		MUST(shutdown(c[i], SHUT_WR));
	for (int i = 0; i < MANY; i++)
		T(read(c[i], in, sizeof(in)));
	say_wait("master", master);
	return 0;
}
