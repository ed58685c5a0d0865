/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FIONREAD counts what a read would give; SIOCOUTQ is nil once the peer has it all. */
#include "../trace.h"

static int available(int fd)
{
	int n = -1;
	MUST(ioctl(fd, FIONREAD, &n));
	return n;
}

int main(void)
{
	char out[5000], in[5000];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	fill(out, sizeof(out), 0);
	say("nothing: %d", available(p.s));

	step("one write");
	MUST(write(p.c, out, 100));
	wait_readable(p.s);
	say("%d", available(p.s));
	T(read(p.s, in, 40));
	say("%d", available(p.s));
	T(read(p.s, in, 59));
	say("%d", available(p.s));
	T(read(p.s, in, 59));
	say("%d", available(p.s));

	step("three writes");
	for (int i = 0; i < 3; i++)
		MUST(write(p.c, out + i * 1000, 1000));
	while (available(p.s) < 3000)
		;
	say("%d", available(p.s));
	T(read(p.s, in, 1500));
	say("%d", available(p.s));
	T(read_exact(p.s, in + 1500, 1500));
	say_sum("got", in, 3000);
	say("%d", available(p.s));

	step("read exactly what it says");
	MUST(write(p.c, out, 777));
	wait_readable(p.s);
	T(read(p.s, in, (size_t)available(p.s)));
	say("%d", available(p.s));

	step("at the end");
	MUST(write(p.c, out, 10));
	MUST(shutdown(p.c, SHUT_WR));
	say("%s", events_name((uint32_t)wait_for(p.s, POLLRDHUP)));
	say("%d", available(p.s));
	T(read(p.s, in, sizeof(in)));
	say("%d", available(p.s));
	T(read(p.s, in, sizeof(in)));

	step("SIOCOUTQ");
	int queued = -1;
	do
		MUST(ioctl(p.c, SIOCOUTQ, &queued));
	while (queued > 0 && poll(NULL, 0, 1) == 0);
	say("%d", queued);
	return 0;
}
