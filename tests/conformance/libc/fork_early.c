/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was written before the other side has accepted arrives, whoever of those who have the
 * connection closes it last, and whether or not the others could say that they have gone. */
#include "../trace.h"

static int l, c;

/* Words are written, and nobody has answered. */
static void begin(const char *name)
{
	step(name);
	l = listen_on(AF_INET, 8);
	c = connect_to(l);
	set_nonblocking(c, true);
	T(write(c, "early", 5));
}

static void finish(void)
{
	char buffer[16];
	int s = (int)MUST(accept(l, NULL, NULL));
	T(read_exact(s, buffer, 5));
	T(read(s, buffer, 1));
	close(s);
	close(l);
}

static void killed(bool awaited)
{
	siginfo_t info;
	pid_t child = fork_watched();
	if (child == 0)
		for (;;)
			pause();
	kill(child, SIGKILL);
	MUST(waitid(P_PID, (id_t)child, &info, WEXITED | (awaited ? 0 : WNOWAIT)));
	T(close(c));
	finish();
	if (!awaited)
		MUST(waitpid(child, NULL, 0));
}

/* Each of them may be the last. */
static void at_once(void)
{
	enum { MANY = 8 };
	pid_t children[MANY];
	int go[2];
	char byte;
	MUST(pipe2(go, O_CLOEXEC));
	for (int i = 0; i < MANY; i++) {
		children[i] = fork_watched();
		if (children[i])
			continue;
		close(go[1]);
		read(go[0], &byte, 1);
		close(c);
		_exit(0);
	}
	close(go[0]);
	close(go[1]);
	T(close(c));
	finish();
	for (int i = 0; i < MANY; i++)
		MUST(waitpid(children[i], NULL, 0));
}

int main(void)
{
	watchdog_start();
	begin("a child that was killed, and waited for");
	killed(true);
	begin("a child that was killed");
	killed(false);
	for (int i = 0; i < 20; i++) {
		begin("many at once");
		at_once();
	}
	return 0;
}
