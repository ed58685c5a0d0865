/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session opened before fork is used by the child, then the parent, then both in turns. */
#include "../trace.h"

int main(void)
{
	char buffer[64];
	static char out[60000], in[60000];

	watchdog_start();
	struct pair p = pair_open(AF_INET);

	step("child, then parent");
	pid_t child = fork_watched();
	if (child == 0) {
		T(write(p.c, "from the child", 14));
		T(read_exact(p.s, buffer, 14));
		T(write(p.s, "answer", 6));
		T(read_exact(p.c, buffer, 6));
		close(p.c);
		close(p.s);
		_exit(0);
	}
	say_wait("child", child);
	T(write(p.c, "from the parent", 15));
	T(read_exact(p.s, buffer, 15));

	step("the child writes, the parent reads");
	child = fork_watched();
	if (child == 0) {
		fill(out, sizeof(out), 0);
		_exit(write_all(p.c, out, sizeof(out)) != sizeof(out));
	}
	T(read_exact(p.s, in, sizeof(in)));
	say_sum("got", in, sizeof(in));
	say_wait("child", child);

	step("the parent reads a part, the child the rest");
	MUST(write(p.c, "0123456789", 10));
	T(read_exact(p.s, buffer, 4));
	child = fork_watched();
	if (child == 0) {
		T(read(p.s, buffer, 3));
		_exit(0);
	}
	say_wait("child", child);
	T(read(p.s, buffer, sizeof(buffer)));
	say_sum("rest", buffer, 3);

	step("twenty children in turn write one byte each");
	for (int i = 0; i < 20; i++) {
		child = fork_watched();
		if (child == 0)
			_exit(write(p.c, &"abcdefghijklmnopqrst"[i], 1) != 1);
		int status;
		waitpid(child, &status, 0);
		if (status)
			say("child %d failed", i);
	}
	T(read_exact(p.s, buffer, 20));
	say_sum("got", buffer, 20);

	step("ten children at once, each a line; no line is torn");
	for (int i = 0; i < 10; i++)
		if (fork_watched() == 0) {
			memset(buffer, 'a' + i, 50);
			_exit(write(p.c, buffer, 50) != 50);
		}
	int seen[10] = {0}, torn = 0;
	for (int i = 0; i < 10; i++) {
		MUST(read_exact(p.s, buffer, 50));
		for (int j = 1; j < 50; j++)
			torn += buffer[j] != buffer[0];
		if (buffer[0] >= 'a' && buffer[0] < 'k')
			seen[buffer[0] - 'a']++;
	}
	int once = 0;
	for (int i = 0; i < 10; i++)
		once += seen[i] == 1;
	say("%d seen once, %d torn", once, torn);
	while (wait(NULL) > 0)
		;

	step("the last holder's close is the end");
	child = fork_watched();
	if (child == 0) {
		close(p.s);
		/* Waits for a word from the other end before it lets go. */
		_exit(read(p.c, buffer, 1) != 1);
	}
	T(close(p.c));
	say_poll("s", p.s, POLLIN, 20);
	T(write(p.s, "!", 1));
	say_wait("child", child);
	T(read(p.s, buffer, sizeof(buffer)));
	return 0;
}
