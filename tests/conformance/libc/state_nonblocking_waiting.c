/* SPDX-License-Identifier: GPL-3.0-or-later */
/* O_NONBLOCK is switched while a thread waits in a call: the wait goes on, the next does not. */
#include "../tasks.h"

static struct pair p;
static char buffer[100];

static void reads(void *argument)
{
	(void)argument;
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
}

static void polls(void *argument)
{
	(void)argument;
	say_poll("s", p.s, POLLIN, -1);
	T(read(p.s, buffer, sizeof(buffer)));
	T(read(p.s, buffer, sizeof(buffer)));
}

static void writes(void *argument)
{
	static char big[8 << 20];
	(void)argument;
	say("write: %s", write(p.s, big, sizeof(big)) == sizeof(big) ? "all" : "A PART");
}

static void drains(int fd, size_t size)
{
	static char in[65536];
	while (size) {
		ssize_t n = read(fd, in, size < sizeof(in) ? size : sizeof(in));
		if (n <= 0)
			return say("ended too early");
		size -= (size_t)n;
	}
}

int main(void)
{
	struct task t;
	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		step(turn ? "by another process, poll" : "by another process, read");
		p = pair_open(AF_INET);
		task_start(&t, turn ? polls : reads, NULL);
		task_wait_asleep(&t);
		pid_t child = fork_watched();
		if (child == 0)
			_exit(fcntl(p.s, F_SETFL, O_NONBLOCK));
		waitpid(child, NULL, 0);
		poll(NULL, 0, 20);
		MUST(write(p.c, "now", 3));
		task_join(&t);
		pair_close(&p);
	}

	step("a write that waits");
	p = pair_open(AF_INET);
	task_start(&t, writes, NULL);
	task_wait_asleep(&t);
	MUST(ioctl(p.s, FIONBIO, &(int){1}));
	drains(p.c, 8 << 20);
	task_join(&t);
	T((fcntl(p.s, F_GETFL) & O_NONBLOCK) != 0);
	T(read(p.s, buffer, 1));
	return 0;
}
