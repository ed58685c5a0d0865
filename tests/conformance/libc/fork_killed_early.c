/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children are killed as soon as they are there, and as they close what they have of their parent's
 * connections: these go on, and end. */
#include "../trace.h"

enum { PAIRS = 10, CHILDREN = 400, STEPS = 40 };

static struct pair p[PAIRS];

static void pass_time(int turns)
{
	for (volatile int i = 0; i < turns * 1000; i++)
		;
}

static void be_child(const int go[2], bool closes)
{
	if (closes)
		write(go[1], "x", 1);
	for (int k = 0; closes && k < PAIRS; k++)
		pair_close(&p[k]);
	for (;;)
		pause();
}

static void kills(bool closing)
{
	char buffer[8];
	int whole = 0, ended = 0, go[2];
	step(closing ? "as they close" : "as soon as they are there");
	for (int i = 0; i < PAIRS; i++)
		p[i] = pair_open(AF_INET);
	MUST(pipe2(go, O_CLOEXEC));
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = (pid_t)MUST(fork());
		if (child == 0)
			be_child(go, closing);
		if (closing)
			read(go[0], buffer, 1);
		pass_time(i % STEPS);
		kill(child, SIGKILL);
		MUST(waitpid(child, NULL, 0));
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < PAIRS; i++) {
		whole += write(p[i].c, "alone", 5) == 5 && read_exact(p[i].s, buffer, 5) == 5;
		close(p[i].c);
		ended += read(p[i].s, buffer, 1) == 0;
		close(p[i].s);
		close(p[i].l);
	}
	say("%d of %d work, %d end", whole, PAIRS, ended);
}

int main(void)
{
	watchdog_start();
	kills(false);
	kills(true);
	return 0;
}
