/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backtrace_symbols_fd(3) into a connection: the same lines as into a pipe, and no memory taken. */
/* NOT address: AddressSanitizer wants to be the program's malloc */
/* NOT thread: ThreadSanitizer wants to be the program's malloc */
#include "../trace.h"

#include <dlfcn.h>
#include <execinfo.h>

static volatile bool counting;
static volatile unsigned taken;

/* A handler of SIGSEGV may be in the middle of this. */
void *malloc(size_t size)
{
	static void *(*next)(size_t size);
	if (!next)
		next = dlsym(RTLD_NEXT, "malloc");
	if (counting)
		taken++;
	return next(size);
}

static void *frames[64];
static int count;
static char expected[16384], got[16384];

static __attribute__((noinline)) void descend(int depth)
{
	if (depth)
		descend(depth - 1);
	else
		count = backtrace(frames, 64);
	__asm__ volatile(""); /* no jump instead of the call */
}

static void print(int fd)
{
	counting = true;
	errno = ENOTUNIQ;
	backtrace_symbols_fd(frames, count, fd);
	int error = errno;
	counting = false;
	say("errno %s", strerrorname_np(error));
}

int main(void)
{
	int ends[2];

	watchdog_start();
	signal(SIGPIPE, SIG_IGN);
	descend(20);
	MUST(pipe(ends));
	step("into a pipe");
	print(ends[1]);
	ssize_t size = MUST(read(ends[0], expected, sizeof(expected)));
	say("%s, and took memory %u times", size > count * 10 ? "lines" : "NO LINES", taken);

	step("into a connection");
	struct pair p = pair_open(AF_INET);
	print(p.c);
	ssize_t same = read_exact(p.s, got, (size_t)size);
	say("%s", same == size && !memcmp(got, expected, (size_t)size) ? "the same" : "OTHERS");
	say("took memory %u times", taken);
	T(write(p.c, "behind", 6));
	T(read_exact(p.s, got, 6));
	say("%.6s", got);

	step("into one that does not wait");
	set_nonblocking(p.c, true);
	print(p.c);
	same = read_exact(p.s, got, (size_t)size);
	say("%s", same == size && !memcmp(got, expected, (size_t)size) ? "the same" : "OTHERS");
	say("no frames: nothing");
	backtrace_symbols_fd(frames, 0, p.c);
	T(recv(p.s, got, 1, MSG_DONTWAIT));

	step("into one that is shut");
	T(shutdown(p.c, SHUT_WR));
	backtrace_symbols_fd(frames, count, p.c);
	T(read(p.s, got, 1));
	pair_close(&p);
	return 0;
}
