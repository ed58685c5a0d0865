/* SPDX-License-Identifier: GPL-3.0-or-later */
/* O_NONBLOCK switched all the time, by a thread or another process, while megabytes move. */
#include "../tasks.h"

#define TOTAL (2 << 20)

static struct pair p;
static volatile bool stop;

static void toggle(int i)
{
	int ends[2] = {p.c, p.s}, fd = ends[i / 2 % 2];
	if (i % 4 < 2)
		MUST(ioctl(fd, FIONBIO, &(int){i % 2}));
	else
		MUST(fcntl(fd, F_SETFL, i % 2 ? O_NONBLOCK : 0));
	sched_yield();
}

static void toggles(void *argument)
{
	(void)argument;
	for (int i = 0; !stop; i++)
		toggle(i);
}

/* Whatever the mode is at this moment, a call does its work or says EAGAIN. */
static void writes(void *argument)
{
	static unsigned char out[TOTAL];
	(void)argument;
	fill(out, TOTAL, 0);
	for (size_t sent = 0; sent < TOTAL; sent += 16000) {
		size_t size = TOTAL - sent < 16000 ? TOTAL - sent : 16000;
		if (write_all(p.c, out + sent, size) != (ssize_t)size)
			say("write FAILED");
	}
}

static void move(const char *name)
{
	static unsigned char in[TOTAL], expected[TOTAL];
	struct task writer;
	step(name);
	fill(expected, TOTAL, 0);
	memset(in, 0, TOTAL);
	task_start(&writer, writes, NULL);
	/* As large a buffer as there is, and small ones. */
	for (size_t got = 0; got < TOTAL;) {
		size_t size = got % 3 ? 1000 : 100000;
		ssize_t n = read_exact(p.s, in + got, TOTAL - got < size ? TOTAL - got : size);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	task_join(&writer);
	say("%s", memcmp(in, expected, TOTAL) ? "DIFFERENT" : "equal");
}

int main(void)
{
	struct task t;
	char byte;

	watchdog_start();
	/* Fresh, so that the mode changes under the first bytes, too. */
	p = pair_fresh(AF_INET);
	task_start(&t, toggles, NULL);
	move("by a thread");
	stop = true;
	task_join(&t);
	pair_close(&p);

	p = pair_open(AF_INET);
	pid_t child = fork_watched();
	if (child == 0)
		for (int i = 0;; i++)
			toggle(i);
	move("by another process");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	T(fcntl(p.c, F_SETFL, O_NONBLOCK));
	T(fcntl(p.s, F_SETFL, 0));
	T(read(p.c, &byte, 1));
	T(write(p.c, "x", 1));
	T(read(p.s, &byte, 1));
	return 0;
}
