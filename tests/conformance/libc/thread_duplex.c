/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thread writes while another reads the same socket, on both ends: 8 MiB each way. */
#include "../tasks.h"

#define TOTAL (8 << 20)

struct half {
	int fd;
	size_t seed;
	const char *result;
};

static void writer(void *argument)
{
	struct half *h = argument;
	static __thread unsigned char buffer[20000];
	for (size_t sent = 0; sent < TOTAL;) {
		size_t size = TOTAL - sent < sizeof(buffer) ? TOTAL - sent : sizeof(buffer);
		fill(buffer, size, h->seed + sent);
		if (write_all(h->fd, buffer, size) != (ssize_t)size) {
			h->result = strerrorname_np(errno);
			return;
		}
		sent += size;
	}
	h->result = shutdown(h->fd, SHUT_WR) ? strerrorname_np(errno) : "wrote all";
}

static void reader(void *argument)
{
	struct half *h = argument;
	static __thread unsigned char buffer[16384], expected[16384];
	size_t got = 0;
	ssize_t n;
	while ((n = read(h->fd, buffer, sizeof(buffer))) > 0) {
		fill(expected, (size_t)n, h->seed + got);
		if (memcmp(buffer, expected, (size_t)n)) {
			h->result = "DIFFERENT";
			return;
		}
		got += (size_t)n;
	}
	h->result = n < 0 ? strerrorname_np(errno) : got == TOTAL ? "read all" : "TOO LITTLE";
}

int main(void)
{
	watchdog_start();
	/* Fresh ends: all four threads find the connection unsettled. */
	struct pair p = pair_fresh(AF_INET);
	struct half half[4] = {{p.c, 0, ""}, {p.s, 0, ""}, {p.s, 9, ""}, {p.c, 9, ""}};
	struct task task[4];
	for (int i = 0; i < 4; i++)
		task_start(&task[i], i % 2 ? reader : writer, &half[i]);
	for (int i = 0; i < 4; i++) {
		task_join(&task[i]);
		say("%s", half[i].result);
	}
	return 0;
}
