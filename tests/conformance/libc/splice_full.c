/* SPDX-License-Identifier: GPL-3.0-or-later */
/* splice where nothing fits: EAGAIN, and every byte stays where it was, in pipe or connection. */
#include "../trace.h"

static struct pair p;
static int a[2];
static char out[65536], in[65536];

static int in_pipe(void)
{
	int n = -1;
	MUST(ioctl(a[0], FIONREAD, &n));
	return n;
}

/* A full pipe takes nothing of the connection, whoever of the two does not wait. */
static void to_full_pipe(const char *name, bool pipe_waits, unsigned flags)
{
	step(name);
	p = pair_open(AF_INET);
	MUST(pipe2(a, O_CLOEXEC));
	set_nonblocking(a[1], true);
	while (write(a[1], out, 4096) > 0)
		;
	set_nonblocking(a[1], pipe_waits);
	MUST(write(p.c, out, 3000));
	wait_arrived(p.c, p.s);
	T(splice(p.s, NULL, a[1], NULL, 3000, flags));
	T(splice(p.s, NULL, a[1], NULL, 3000, flags));
	say_poll("s", p.s, POLLIN, 0);
	while (in_pipe())
		MUST(read(a[0], in, sizeof(in)));
	T(splice(p.s, NULL, a[1], NULL, 3000, flags));
	T(read(a[0], in, sizeof(in)));
	say_sum("got", in, 3000);
	close(a[0]);
	close(a[1]);
	pair_close(&p);
}

/* Rounds of both ends: what is said to be moved is what leaves the pipe. */
static void to_full_socket(const char *name, unsigned flags)
{
	size_t taken = 0, got = 0, put = 0;
	uint64_t sum = SUM, expected = SUM;
	bool same = true;
	step(name);
	p = pair_open(AF_INET);
	MUST(pipe2(a, O_CLOEXEC | O_NONBLOCK));
	set_nonblocking(p.c, true);
	for (int full = 0; full < 3;) {
		ssize_t n = write(a[1], out, 4096 - 7);
		if (n > 0) {
			put += (size_t)n;
			expected = sum_add(expected, out, (size_t)n);
		}
		int before = in_pipe();
		n = splice(a[0], NULL, p.c, NULL, 65536, flags);
		int error = errno;
		same &= before - in_pipe() == (n > 0 ? n : 0);
		if (n > 0)
			taken += (size_t)n;
		else if (error == EAGAIN && before)
			full++;
	}
	say("%s", same ? "as it says" : "NOT AS IT SAYS");
	while (got < put) {
		(void)splice(a[0], NULL, p.c, NULL, 65536, SPLICE_F_NONBLOCK);
		ssize_t n = recv(p.s, in, sizeof(in), MSG_DONTWAIT);
		if (n <= 0)
			continue;
		sum = sum_add(sum, in, (size_t)n);
		got += (size_t)n;
	}
	say("%s, %s", taken < put ? "full" : "NEVER FULL", sum == expected ? "equal" : "DIFFERENT");
	say("%d", in_pipe());
	close(a[0]);
	close(a[1]);
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	fill(out, sizeof(out), 0);
	to_full_pipe("to a full pipe, SPLICE_F_NONBLOCK", false, SPLICE_F_NONBLOCK);
	to_full_pipe("to a full pipe that does not wait", true, 0);
	to_full_socket("to a full socket, SPLICE_F_NONBLOCK", SPLICE_F_NONBLOCK);
	to_full_socket("to a full socket that does not wait", 0);
	return 0;
}
