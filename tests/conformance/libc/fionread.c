/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FIONREAD counts what a read would give, SIOCOUTQ what was written and the peer has not got. */
#include "../trace.h"

static int available(int fd)
{
	int n = -1;
	MUST(ioctl(fd, FIONREAD, &n));
	return n;
}

static int queued(int fd)
{
	int n = -1;
	MUST(ioctl(fd, SIOCOUTQ, &n));
	return n;
}

static void wait_queue_empty(int fd)
{
	while (queued(fd) > 0)
		poll(NULL, 0, 1);
}

/* Until the peer's window is shut, but there is room here for more. */
static size_t fill_window(const struct pair *p, const char *out, size_t size)
{
	int large = 1 << 22;
	size_t sent = 0;
	MUST(setsockopt(p->c, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)));
	while (queued(p->c) < 65536)
		sent += (size_t)MUST(write(p->c, out, size));
	return sent;
}

/* By small records, each a good part longer on the wire; acknowledgements may still come. */
static bool grows(int fd, const char *out, size_t *sent)
{
	for (int turn = 0; turn < 200; turn++) {
		int before = queued(fd), unsent = -1;
		for (int i = 0; i < 10; i++)
			*sent += (size_t)MUST(write(fd, out, 10));
		int after = queued(fd);
		MUST(ioctl(fd, SIOCOUTQNSD, &unsent));
		if (unsent <= after && after == before + 100)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

int main(void)
{
	char out[5000], in[5000];
	int queue = -1;

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
	wait_queue_empty(p.c);
	say("%d", queued(p.c));

	step("SIOCOUTQ, and nobody reads");
	struct pair q = pair_open(AF_INET);
	set_nonblocking(q.c, true);
	size_t sent = fill_window(&q, out, sizeof(out)), got = 0;
	ssize_t n;
	say("%s", (size_t)queued(q.c) < sent ? "some was taken" : "NOTHING WAS TAKEN");
	say("grows by what is written: %s", grows(q.c, out, &sent) ? "yes" : "NO");
	while ((n = write(q.c, out, sizeof(out))) > 0)
		sent += (size_t)n;
	say("%s", queued(q.c) > 0 ? "something waits" : "NOTHING WAITS");
	while (got < sent)
		got += (size_t)MUST(read(q.s, in, sizeof(in)));
	say("%s", got == sent ? "all there" : "TOO MUCH");
	wait_queue_empty(q.c);
	say("%d", queued(q.c));

	step("where there is no connection");
	int fresh = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(ioctl(fresh, FIONREAD, &queue));
	say("%d", queue);
	T(ioctl(p.l, FIONREAD, &queue));
	T(ioctl(p.l, SIOCOUTQ, &queue));
	return 0;
}
