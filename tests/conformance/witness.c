/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks at the wire itself: exit status 0 when the text is there in clear, 1 when it is not. */
#include "trace.h"

#include <sys/syscall.h>

/* recv(fd, to, size, MSG_PEEK), and not by way of libc, which the shim stands in front of. */
static long peek_raw(int fd, void *to, size_t size)
{
	long result;
#if defined(__x86_64__)
	register long flags __asm__("r10") = MSG_PEEK;
	register long from __asm__("r8") = 0;
	register long length __asm__("r9") = 0;
	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(SYS_recvfrom), "D"(fd), "S"(to), "d"(size), "r"(flags), "r"(from),
	                   "r"(length)
	                 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_recvfrom;
	register long x0 __asm__("x0") = fd;
	register long x1 __asm__("x1") = (long)to;
	register long x2 __asm__("x2") = (long)size;
	register long x3 __asm__("x3") = MSG_PEEK;
	register long x4 __asm__("x4") = 0;
	register long x5 __asm__("x5") = 0;
	__asm__ volatile("svc 0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "memory");
	result = x0;
#else
#error "say here how this machine makes a system call"
#endif
	return result;
}

int main(void)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog";
	char seen[4096], got[sizeof(text)];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	MUST(write_all(p.c, text, sizeof(text)));
	while (peek_raw(p.s, seen, sizeof(seen)) < (long)sizeof(text))
		wait_readable(p.s);
	long length = peek_raw(p.s, seen, sizeof(seen));
	bool clear = memmem(seen, (size_t)length, text, sizeof(text)) != NULL;
	if (read_exact(p.s, got, sizeof(got)) != sizeof(got) || memcmp(got, text, sizeof(text))) {
		say("the text did not arrive");
		return 2;
	}
	say("%s", clear ? "in clear" : "not in clear");
	pair_close(&p);
	return clear ? 0 : 1;
}
