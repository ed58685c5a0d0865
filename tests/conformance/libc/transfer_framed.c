/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Length-prefixed messages: a reader that takes the header, then just the body, waiting by poll. */
#include "../trace.h"

#define MESSAGES 300

static size_t size_of(int i)
{
	return i % 50 == 49 ? 70000 : (size_t)(i * 37 % 900);
}

int main(void)
{
	static unsigned char out[70004], in[70004];
	int wrong = 0;

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.s);
		for (int i = 0; i < MESSAGES; i++) {
			uint32_t size = (uint32_t)size_of(i);
			memcpy(out, &size, 4);
			fill(out + 4, size, (size_t)i);
			/* Some in one write, some the header first. */
			if (i % 3 == 0 && write_all(p.c, out, 4) != 4)
				_exit(1);
			size_t from = i % 3 == 0 ? 4 : 0;
			if (write_all(p.c, out + from, size + 4 - from) !=
			    (ssize_t)(size + 4 - from))
				_exit(1);
		}
		_exit(0);
	}
	close(p.c);
	for (int i = 0; i < MESSAGES; i++) {
		uint32_t size;
		wait_readable(p.s);
		MUST(read_exact(p.s, &size, 4));
		if (size != size_of(i)) {
			say("message %d says %u", i, size);
			return 1;
		}
		/* Every other time it asks before it reads, though the body may be there. */
		if (size && i % 2)
			wait_readable(p.s);
		if (read_exact(p.s, in, size) != (ssize_t)size)
			wrong++;
		fill(out, size, (size_t)i);
		wrong += memcmp(in, out, size) != 0;
	}
	say("%d wrong", wrong);
	T(read(p.s, in, 1));
	say_wait("writer", child);
	return 0;
}
