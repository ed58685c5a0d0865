/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program's own malloc fails from some point on: connections are none of its business. */
#include "../trace.h"

/* A plain bump allocator; nothing is ever given back. */
static char space[8 << 20];
static size_t used;
static volatile bool refuse;
static volatile unsigned refused;

void *malloc(size_t size)
{
	size_t need = (size + 31) & ~(size_t)15;
	if (refuse) {
		__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		errno = ENOMEM;
		return NULL;
	}
	size_t at = __atomic_fetch_add(&used, need, __ATOMIC_RELAXED);
	if (at + need > sizeof(space))
		return NULL;
	*(size_t *)(space + at) = size;
	return space + at + 16;
}

void free(void *p)
{
	(void)p;
}

void *calloc(size_t count, size_t size)
{
	return malloc(count * size); /* the space is zero and never used twice */
}

void *realloc(void *p, size_t size)
{
	void *q = malloc(size);
	if (p && q) {
		size_t old = *(size_t *)((char *)p - 16);
		memcpy(q, p, old < size ? old : size);
	}
	return q;
}

int main(void)
{
	static char out[100000], in[100000];

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	refuse = true;

	step("an opening without memory of the program's");
	int c = connect_to(l), s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "hello", 5));
	T(read_exact(s, in, 5));

	step("data without it");
	fill(out, sizeof(out), 0);
	pid_t child = fork_watched();
	if (child == 0)
		_exit(write_all(c, out, sizeof(out)) != sizeof(out));
	T(read_exact(s, in, sizeof(in)));
	say("%s", memcmp(in, out, sizeof(in)) ? "DIFFERENT" : "equal");
	say_wait("writer", child);
	T(close(c));
	T(read(s, in, 1));
	say("asked %u times", refused);
	return 0;
}
