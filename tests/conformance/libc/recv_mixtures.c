/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MSG_PEEK, MSG_TRUNC, MSG_WAITALL and MSG_DONTWAIT in every mixture, on every amount of data. */
#include "../trace.h"

static struct pair p;
static char in[64];

/* All calls on the same data: what one has taken is said, and what is left is read. */
static void mixture(int flags, size_t there, size_t asked, int vectors)
{
	char out[64];
	struct iovec iov[4] = {{in, 1}, {in + 1, 0}, {in + 1, 2}, {in + 3, sizeof(in) - 3}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 4, .msg_flags = 0x5555};
	fill(out, there, 0);
	memset(in, '.', sizeof(in));
	/* In two pieces, so that one of them is no measure of all. */
	if (there) {
		MUST(write(p.c, out, 4));
		MUST(write(p.c, out + 4, there - 4));
		wait_arrived(p.c, p.s);
	}
	iov[3].iov_len = asked > 3 ? asked - 3 : 0;
	errno = 0;
	ssize_t n = vectors ? recvmsg(p.s, &m, flags) : recv(p.s, in, asked, flags);
	int error = n < 0 ? errno : 0;
	ssize_t rest = recv(p.s, out, sizeof(out), MSG_DONTWAIT);
	size_t same = 0;
	while (same < there && (unsigned char)in[same] == (unsigned char)same)
		same++;
	say("%s%s%s%s%s of %zu, %zu there: %zd %s, %zu shown, %zd left, flags %#x",
	    vectors ? "recvmsg" : "recv", flags & MSG_PEEK ? " PEEK" : "",
	    flags & MSG_TRUNC ? " TRUNC" : "", flags & MSG_WAITALL ? " WAITALL" : "",
	    flags & MSG_DONTWAIT ? " DONTWAIT" : "", asked, there, n,
	    error ? strerrorname_np(error) : "", same, rest,
	    vectors && n >= 0 ? (unsigned)m.msg_flags : 0);
}

int main(void)
{
	static const size_t asked[] = {1, 3, 10, 20};

	watchdog_start();
	p = pair_open(AF_INET);
	MUST(setsockopt(p.c, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	for (int bits = 0; bits < 16; bits++) {
		int flags = (bits & 1 ? MSG_PEEK : 0) | (bits & 2 ? MSG_TRUNC : 0) |
		            (bits & 4 ? MSG_WAITALL : 0) | (bits & 8 ? MSG_DONTWAIT : 0);
		for (int i = 0; i < 4; i++) {
			/* What would wait is for another program. */
			if ((flags & MSG_DONTWAIT) || !(flags & MSG_WAITALL) || asked[i] <= 10) {
				mixture(flags, 10, asked[i], 0);
				mixture(flags, 10, asked[i], 1);
			}
			if (flags & MSG_DONTWAIT)
				mixture(flags, 0, asked[i], i % 2);
		}
	}

	step("at the end");
	MUST(write(p.c, "0123456789", 10));
	MUST(shutdown(p.c, SHUT_WR));
	wait_for(p.s, POLLRDHUP);
	T(recv(p.s, in, 20, MSG_PEEK | MSG_WAITALL));
	T(recv(p.s, in, 20, MSG_PEEK | MSG_TRUNC | MSG_WAITALL));
	T(recv(p.s, in, 5, MSG_TRUNC | MSG_WAITALL));
	T(recv(p.s, in, 20, MSG_TRUNC | MSG_WAITALL));
	T(recv(p.s, in, 20, MSG_PEEK | MSG_WAITALL));
	return 0;
}
