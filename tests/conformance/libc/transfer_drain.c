/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A read with room for more takes all that is there: a short read means drained. */
#include "../trace.h"

static char in[1 << 20];

/* Sends `size` bytes in writes of `chunk` and waits until all of them have arrived. */
static void arrive(const struct pair *p, size_t size, size_t chunk)
{
	static char out[100000];
	fill(out, size, 0);
	for (size_t sent = 0; sent < size; sent += chunk)
		MUST(write_all(p->c, out + sent, size - sent < chunk ? size - sent : chunk));
	wait_arrived(p->c, p->s);
	memset(in, 0, size);
}

int main(void)
{
	static const size_t chunks[] = {100, 4096, 16384, 20000, 60000};
	struct iovec iov[3] = {{in, 10}, {in + 10, 20000}, {in + 20010, sizeof(in) - 20010}};

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	MUST(setsockopt(p.c, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	for (size_t i = 0; i < 5; i++) {
		say("## writes of %zu", chunks[i]);
		step("read");
		arrive(&p, 60000, chunks[i]);
		T(read(p.s, in, sizeof(in)));
		say_sum("got", in, 60000);
		T(recv(p.s, in, 1, MSG_DONTWAIT));

		step("two reads");
		arrive(&p, 60000, chunks[i]);
		T(read(p.s, in, 59999));
		T(read(p.s, in + 59999, sizeof(in) - 59999));
		say_sum("got", in, 60000);
		T(recv(p.s, in, 1, MSG_DONTWAIT));

		step("readv");
		arrive(&p, 60000, chunks[i]);
		T(readv(p.s, iov, 3));
		say_sum("got", in, 60000);

		step("exactly what is there");
		arrive(&p, 60000, chunks[i]);
		T(read(p.s, in, 60000));
		T(recv(p.s, in, 1, MSG_DONTWAIT));

		step("peek at all of it");
		arrive(&p, 30000, chunks[i]);
		T(recv(p.s, in, sizeof(in), MSG_PEEK));
		say_sum("peeked", in, 30000);
		memset(in, 0, 30000);
		T(recv(p.s, in, sizeof(in), 0));
		say_sum("got", in, 30000);

		step("in parts of 7000");
		arrive(&p, 30000, chunks[i]);
		for (size_t got = 0; got < 30000; got += 7000)
			T(read(p.s, in + got, 7000));
		say_sum("got", in, 30000);
	}
	return 0;
}
