/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writers and readers with buffers of every relation: 1 byte against 16384, 4096 against 100000. */
#include "../trace.h"

static size_t chunk;

static ssize_t put_chunk(int fd, const void *from, size_t size)
{
	return write(fd, from, size < chunk ? size : chunk);
}

int main(void)
{
	static const size_t chunks[] = {1, 100, 4096, 16384, 16385, 65536};
	static const size_t pieces[] = {1, 4, 100, 4096, 16384, 100000};
	char name[64];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	pair_nonblocking(&p);
	for (size_t i = 0; i < 6; i++) {
		for (size_t j = 0; j < 6; j++) {
			chunk = chunks[i];
			size_t total = chunk == 1 || pieces[j] <= 4 ? 6000 : 400000;
			snprintf(name, sizeof(name), "write %zu, read %zu", chunk, pieces[j]);
			trace_step = "transfer";
			pump(name, p.c, put_chunk, p.s, get_read, total, pieces[j]);
		}
	}
	T(read(p.s, name, 1));
	T(read(p.c, name, 1));
	return 0;
}
