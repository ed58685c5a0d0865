/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: a close in the middle of a dup2 is what this is about */
/* A thread closes a connection as another copies it onto standard input: copied or not, the number
 * is free, and with the last one it ends. */
#include "../tasks.h"

enum { ROUNDS = 200, STEPS = 100, STEP = 20000 };

static struct pair p;
static volatile bool go;

static void closes(void *round)
{
	go = true;
	for (volatile int i = 0; i < *(int *)round % STEPS * STEP; i++)
		;
	close(p.c);
}

/* Words, if any were written, and the end. */
static bool ends(int fd)
{
	char word[8];
	ssize_t got = read_exact(fd, word, 5);
	return got == 0 || (got == 5 && read(fd, word, 1) == 0);
}

int main(void)
{
	int clean = 0, free_numbers = 0;

	watchdog_start();
	for (int i = 0; i < ROUNDS; i++) {
		struct task t;
		p = pair_open(AF_INET);
		go = false;
		task_start(&t, closes, &i);
		while (!go)
			;
		if (dup2(p.c, STDIN_FILENO) == STDIN_FILENO)
			write(STDIN_FILENO, "words", 5);
		task_join(&t);
		free_numbers += fcntl(p.c, F_GETFD) < 0;
		MUST(dup2(p.l, STDIN_FILENO)); /* it is no connection any more */
		clean += ends(p.s);
		close(p.s);
		close(p.l);
	}
	say("of %d, %d are free and %d end", ROUNDS, free_numbers, clean);
	return 0;
}
