/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Large writes, sendfile and splice into a connection that is standard input: all of it arrives. */
#include "../tasks.h"

#include <sys/sendfile.h>

enum { SIZE = 1 << 20 };

static char data[SIZE], got[SIZE];
static int file, ends[2];

static void sends_file(void *unused)
{
	(void)unused;
	ssize_t sent = 0, n = 0;
	while (sent < SIZE && (n = sendfile(STDIN_FILENO, file, NULL, (size_t)(SIZE - sent))) > 0)
		sent += n;
	close(STDIN_FILENO);
}

static void writes(void *unused)
{
	(void)unused;
	/* tcp(7): twice as much is taken.  No more than a few pages are written at once. */
	MUST(setsockopt(STDIN_FILENO, SOL_SOCKET, SO_SNDBUF, &(int){8192}, sizeof(int)));
	MUST(write(STDIN_FILENO, data, SIZE));
	close(STDIN_FILENO);
}

static void splices(void *unused)
{
	(void)unused;
	ssize_t n = 1;
	while (n > 0) {
		n = splice(file, NULL, ends[1], NULL, SIZE, 0);
		for (ssize_t left = n, m; left > 0; left -= m)
			m = MUST(splice(ends[0], NULL, STDIN_FILENO, NULL, (size_t)left, 0));
	}
	close(STDIN_FILENO);
}

static void move(const char *name, void (*run)(void *))
{
	struct task t;
	char end;

	step(name);
	struct pair p = pair_open(AF_INET);
	MUST(lseek(file, 0, SEEK_SET));
	MUST(dup2(p.s, STDIN_FILENO));
	MUST(close(p.s));
	memset(got, 0, sizeof(got));
	task_start(&t, run, NULL);
	T(read_exact(p.c, got, SIZE));
	say("%s", memcmp(got, data, SIZE) ? "CHANGED" : "as it was");
	T(read(p.c, &end, 1));
	task_join(&t);
	close(p.c);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	file = fileno(tmpfile());
	fill(data, SIZE, 1);
	MUST(write(file, data, SIZE));
	MUST(pipe2(ends, O_CLOEXEC));
	MUST(fcntl(ends[1], F_SETPIPE_SZ, SIZE));
	move("write, with little room", writes);
	move("sendfile", sends_file);
	move("splice", splices);
	return 0;
}
