/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: what ThreadSanitizer reports, a dup2 under a reader, is what this is about */
/* A thread waits for a connection as another makes it a stream, or standard input: it hears. */
#include "../tasks.h"

static struct pair p;
static char got[8];
static ssize_t count;

static void reads(void *unused)
{
	(void)unused;
	count = read(p.c, got, sizeof(got));
}

static void reads_whole(void *unused)
{
	(void)unused;
	count = recv(p.c, got, 5, MSG_WAITALL);
}

static void polls(void *unused)
{
	struct pollfd f = {.fd = p.c, .events = POLLIN};
	poll(&f, 1, -1);
	reads(unused);
}

static void selects(void *unused)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(p.c, &set);
	select(p.c + 1, &set, NULL, NULL, NULL);
	reads(unused);
}

/* A stream to write to; NULL: it is standard input, too. */
static FILE *make(bool stream)
{
	if (stream)
		return fdopen((int)MUST(dup(p.c)), "w");
	MUST(dup2(p.c, STDIN_FILENO));
	return NULL;
}

static void says(bool words)
{
	if (words)
		MUST(write(p.s, "reply", 5));
	else
		MUST(shutdown(p.s, SHUT_WR));
}

static void run(const char *name, void (*wait)(void *), bool stream, bool words)
{
	enum { ROUNDS = 4 };
	char hello[5];
	step(name);
	for (int i = 0; i < ROUNDS; i++) {
		struct task t;
		p = pair_open(AF_INET);
		task_start(&t, wait, NULL);
		task_wait_asleep(&t);
		FILE *f = make(stream);
		MUST(f ? fprintf(f, "hello") + fflush(f) : write(STDIN_FILENO, "hello", 5));
		MUST(read_exact(p.s, hello, 5));
		usleep((useconds_t)i * 800);
		says(words);
		task_join(&t);
		if (count != (words ? 5 : 0) || memcmp(got, "reply", (size_t)count) != 0)
			say("round %d: %zd", i, count);
		if (f)
			fclose(f);
		MUST(dup2(p.l, STDIN_FILENO)); /* it is no connection any more */
		pair_close(&p);
	}
}

int main(void)
{
	watchdog_start();
	run("read, and a stream", reads, true, true);
	run("read, and standard input", reads, false, true);
	run("recv of all", reads_whole, true, true);
	run("poll, and a stream", polls, true, true);
	run("poll, and standard input", polls, false, true);
	run("select", selects, true, true);
	run("the end of a read", reads, true, false);
	run("the end of a poll", polls, true, false);
	return 0;
}
