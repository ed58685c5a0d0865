/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exit while other threads still write, and another process holds the connection: whole words. */
#include "../tasks.h"

#define WORD   16
#define ROUNDS 25

static const char word[WORD] = "a word, and whole";
static int fd;

static void writes(void *argument)
{
	(void)argument;
	for (;;)
		(void)!send(fd, word, WORD, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool takes_words(int from)
{
	static char in[65536];
	size_t got = 0;
	ssize_t n;
	while ((n = read(from, in, sizeof(in))) > 0)
		for (ssize_t i = 0; i < n; i++, got++)
			if (in[i] != word[got % WORD])
				return false;
	return n == 0 && got % WORD == 0;
}

/* The holder lives until the writer is gone. */
static int one_round(void)
{
	int alive[2], status;
	struct pair p = pair_open(AF_INET);
	MUST(pipe2(alive, O_CLOEXEC));
	pid_t holder = fork_watched();
	if (holder == 0) {
		close(p.s);
		close(alive[1]);
		_exit(read(alive[0], &(char){0}, 1) != 0);
	}
	pid_t writer = fork_watched();
	if (writer == 0) {
		struct task t[2];
		close(p.s);
		fd = p.c;
		task_start(&t[0], writes, NULL);
		task_start(&t[1], writes, NULL);
		poll(NULL, 0, 3);
		exit(0);
	}
	close(alive[0]);
	close(alive[1]);
	close(p.c);
	bool bad = !takes_words(p.s);
	waitpid(writer, &status, 0);
	bad |= status != 0;
	waitpid(holder, &status, 0);
	bad |= status != 0;
	close(p.s);
	close(p.l);
	return bad;
}

int main(void)
{
	int bad = 0;

	watchdog_start();
	for (int i = 0; i < ROUNDS; i++)
		bad += one_round();
	say("%d bad", bad);
	return 0;
}
