/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sendfile asked for more than the file has: at its end nothing is held back for more. */
#include "../trace.h"

#include <sys/sendfile.h>

/* A few bytes leave at once (tcp(7), SIOCOUTQNSD); where the peer's window is the limit, soon. */
static bool leaves(const struct pair *p, void *in, size_t size)
{
	size_t got = 0;
	int unsent;
	MUST(ioctl(p->c, SIOCOUTQNSD, &unsent));
	if (size < 50000 && unsent)
		return false;
	struct pollfd q = {.fd = p->s, .events = POLLIN};
	while (got < size && MUST(poll(&q, 1, 100)) == 1)
		got += (size_t)MUST(read(p->s, (char *)in + got, size - got));
	return got == size;
}

static void whole(const struct pair *p, int file, size_t size, size_t asked)
{
	static unsigned char in[200000];
	off_t offset = 0;

	say("# %zu bytes, asked for %zu", size, asked);
	MUST(ftruncate(file, (off_t)size));
	T(sendfile(p->c, file, &offset, asked));
	say("they leave: %d", leaves(p, in, size));
	say_sum("got", in, size);
	T(sendfile(p->c, file, &offset, asked));
}

int main(void)
{
	static unsigned char data[200000];
	char name[] = "/tmp/conformance.XXXXXX";

	watchdog_start();
	int file = (int)MUST(mkstemp(name));
	unlink(name);
	fill(data, sizeof(data), 0);
	MUST(write(file, data, sizeof(data)));
	struct pair p = pair_open(AF_INET);
	MUST(setsockopt(p.c, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));

	/* From large to small: the file is cut, its bytes stay. */
	whole(&p, file, 131072 + 1000, 1 << 20);
	whole(&p, file, 131072, 1 << 20);
	whole(&p, file, 65536 + 1, 200000);
	whole(&p, file, 65536, 200000);
	whole(&p, file, 10000, 65536);
	whole(&p, file, 1000, 1001);
	whole(&p, file, 1000, 1000);
	whole(&p, file, 1, 65536);
	return 0;
}
