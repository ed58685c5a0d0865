/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread writes while another closes, replaces or copies the number: whole words or nothing. */
/* NOT thread: what ThreadSanitizer reports, a close under a writer, is what this is about */
#include "../tasks.h"

#define WORD   16
#define ROUNDS 10

static const char word[WORD] = "a word, and whole";
static volatile int target = -1;
static volatile bool stop;
static volatile unsigned turns;

static void writes(void *argument)
{
	(void)argument;
	for (; !stop; turns++)
		if (target >= 0)
			(void)!send(target, word, WORD, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void copies(void *argument)
{
	(void)argument;
	for (; !stop; turns++) {
		int copy = target >= 0 ? dup(target) : -1;
		if (copy < 0)
			continue;
		(void)!send(copy, word, WORD, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(copy);
	}
}

/* What arrives is words, however many; the last may have been cut where the writer's ended. */
static bool takes_words(int fd)
{
	static char in[65536];
	size_t got = 0;
	ssize_t n;
	while ((n = read(fd, in, sizeof(in))) > 0)
		for (ssize_t i = 0; i < n; i++, got++)
			if (in[i] != word[got % WORD])
				return false;
	return n == 0 && got % WORD == 0;
}

/* Whatever gets the number next is none of the thread's business. */
static void retarget(int fd)
{
	target = fd;
	for (unsigned seen = turns; fd < 0 && turns - seen < 2;)
		sched_yield();
}

/* Ends the number in one of the ways, while another process still holds the connection. */
static void end_number(int how, int fd, int null)
{
	if (how == 1)
		MUST(dup2(null, fd));
	else if (how == 2)
		MUST(close_range((unsigned)fd, (unsigned)fd, 0));
	if (how != 2)
		MUST(close(fd));
}

static bool one_round(int how, int null, const int *held)
{
	char byte;
	struct pair p = pair_open(AF_INET);
	pid_t reader = fork_watched();
	if (reader == 0) {
		close(p.c);
		close(held[1]);
		_exit(!takes_words(p.s));
	}
	pid_t holder = fork_watched();
	if (holder == 0) {
		close(p.s);
		close(held[1]);
		_exit(read(held[0], &byte, 1) != 0);
	}
	close(p.s);
	close(held[0]);
	retarget(p.c);
	for (int i = 0; i < 20; i++)
		sched_yield();
	end_number(how, p.c, null);
	retarget(-1);
	close(held[1]);
	int status[2];
	waitpid(holder, &status[0], 0);
	waitpid(reader, &status[1], 0);
	close(p.l);
	return status[0] == 0 && status[1] == 0;
}

int main(void)
{
	static const char *const names[] = {"close beside a write", "dup2 over it beside a write",
	                                    "close_range beside a write",
	                                    "close beside a dup and a write"};
	struct task t;

	watchdog_start();
	int null = (int)MUST(open("/dev/null", O_RDWR | O_CLOEXEC));
	for (int how = 0; how < 4; how++) {
		int bad = 0;
		step(names[how]);
		stop = false;
		task_start(&t, how == 3 ? copies : writes, NULL);
		for (int i = 0; i < ROUNDS; i++) {
			int held[2];
			MUST(pipe2(held, O_CLOEXEC));
			bad += !one_round(how, null, held);
		}
		stop = true;
		task_join(&t);
		say("%d bad", bad);
	}
	return 0;
}
