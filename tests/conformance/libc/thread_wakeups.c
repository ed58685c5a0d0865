/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thread waits, another reads, a third writes: no wake-up is lost, however much is read. */
#include "../tasks.h"

#define TOTAL 200000

static struct pair p;
static int to_reader[2], to_waiter[2];

/* Waits for readability, passes the word on, and waits until the reader has read once. */
static void waits(void *argument)
{
	struct epoll_event e, event = {.events = EPOLLIN};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	char word;
	(void)argument;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	for (int i = 0;; i++) {
		if (i % 2)
			wait_readable(p.s);
		else
			MUST(epoll_wait(ep, &e, 1, -1));
		MUST(write(to_reader[1], "r", 1));
		if (read(to_waiter[0], &word, 1) != 1 || word == 'e')
			return;
	}
}

static void writes(void *argument)
{
	static unsigned char out[TOTAL];
	(void)argument;
	fill(out, TOTAL, 0);
	for (size_t sent = 0, i = 0; sent < TOTAL; i++) {
		size_t size = 1 + i * 397 % 3000;
		if (size > TOTAL - sent)
			size = TOTAL - sent;
		MUST(write_all(p.c, out + sent, size));
		sent += size;
	}
	shutdown(p.c, SHUT_WR);
}

int main(void)
{
	static unsigned char in[TOTAL + 1];
	struct task waiter, writer;
	size_t got = 0;
	uint64_t sum = SUM;
	char word;

	watchdog_start();
	p = pair_open(AF_INET);
	MUST(pipe(to_reader));
	MUST(pipe(to_waiter));
	task_start(&waiter, waits, NULL);
	task_start(&writer, writes, NULL);
	for (int i = 0;; i++) {
		MUST(read(to_reader[0], &word, 1));
		ssize_t n = MUST(read(p.s, in, (size_t)(1 + i * 211 % 2000)));
		if (n == 0)
			break;
		sum = sum_add(sum, in, (size_t)n);
		got += (size_t)n;
		MUST(write(to_waiter[1], "g", 1));
	}
	MUST(write(to_waiter[1], "e", 1));
	task_join(&waiter);
	task_join(&writer);
	say("got %zu, sum %016llx", got, (unsigned long long)sum);
	return 0;
}
