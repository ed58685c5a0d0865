/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buffers of 4 and of 64 KiB: a reader that stops for a while, and both directions full at once. */
#include "../tasks.h"

#define TOTAL (1 << 20)

static struct pair pair_sized(int size)
{
	struct pair p;
	p.l = listen_on(AF_INET, 8);
	p.c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	for (int i = 0; i < 2; i++) {
		MUST(setsockopt(i ? p.c : p.l, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
		MUST(setsockopt(i ? p.c : p.l, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	}
	union address a = address_of(p.l);
	MUST(connect(p.c, &a.any, address_size(&a)));
	p.s = (int)MUST(accept4(p.l, NULL, NULL, SOCK_CLOEXEC));
	settle(p.c, p.s);
	/* Otherwise the kernel may move a few thousand bytes each 40 ms (tcp(7), delayed ACK). */
	for (int i = 0; i < 2; i++)
		MUST(setsockopt(i ? p.c : p.s, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	return p;
}

static bool check(const unsigned char *in, size_t size, size_t from)
{
	static __thread unsigned char expected[TOTAL];
	fill(expected, size, from);
	return !memcmp(in, expected, size);
}

/* A blocking writer in another process; the reader goes on when the writer can not. */
static void stopping_reader(const char *name, int size, size_t piece)
{
	static unsigned char data[TOTAL];
	step(name);
	struct pair p = pair_sized(size);
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.s);
		fill(data, TOTAL, 0);
		for (size_t sent = 0; sent < TOTAL; sent += piece)
			if (write(p.c, data + sent, piece) != (ssize_t)piece)
				_exit(1);
		_exit(0);
	}
	close(p.c);
	for (int i = 0; i < 4; i++) {
		if (i < 2) /* later on all the rest may fit, and the writer be done */
			wait_asleep(child, child);
		MUST(read_exact(p.s, data + i * (TOTAL / 4), TOTAL / 4));
	}
	say("%s", check(data, TOTAL, 0) ? "equal" : "DIFFERENT");
	T(read(p.s, data, 1));
	say_wait("writer", child);
	close(p.s);
	close(p.l);
}

struct half {
	int fd;
	size_t from;
	bool good;
};

static void writes(void *argument)
{
	struct half *h = argument;
	unsigned char *data = malloc(TOTAL);
	fill(data, TOTAL, h->from);
	h->good = write(h->fd, data, TOTAL) == TOTAL;
	free(data);
}

static void reads(void *argument)
{
	struct half *h = argument;
	unsigned char *data = malloc(TOTAL);
	h->good = recv(h->fd, data, TOTAL, MSG_WAITALL) == TOTAL && check(data, TOTAL, h->from);
	free(data);
}

/* Nobody reads before both writers have stopped. */
static void both_ways(const char *name, int size)
{
	struct pair p = pair_sized(size);
	struct half half[4] = {
		{p.c, 0, false}, {p.s, 77, false}, {p.s, 0, false}, {p.c, 77, false}};
	struct task task[4];
	step(name);
	for (int i = 0; i < 2; i++)
		task_start(&task[i], writes, &half[i]);
	for (int i = 0; i < 2; i++)
		task_wait_asleep(&task[i]);
	for (int i = 2; i < 4; i++)
		task_start(&task[i], reads, &half[i]);
	for (int i = 0; i < 4; i++) {
		task_join(&task[i]);
		say("%s %s", i < 2 ? "written" : "read", half[i].good ? "all" : "WRONG");
	}
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	stopping_reader("4 KiB, pieces of 4 KiB", 4096, 4096);
	stopping_reader("4 KiB, pieces of 64 KiB", 4096, 65536);
	stopping_reader("64 KiB, pieces of 4 KiB", 65536, 4096);
	stopping_reader("64 KiB, one piece", 65536, TOTAL);
	both_ways("4 KiB, both ways", 4096);
	both_ways("64 KiB, both ways", 65536);
	return 0;
}
