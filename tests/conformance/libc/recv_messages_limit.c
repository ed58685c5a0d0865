/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recvmmsg: its time limit is looked at after each message, and what is left of it is told. */
#include "../trace.h"

static struct pair p;

static void receive(const char *what, struct timespec limit)
{
	char text[3][4];
	struct iovec v[3];
	struct mmsghdr m[3] = {0};
	step(what);
	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){text[i], 2};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
	}
	long sec = limit.tv_sec, nsec = limit.tv_nsec;
	T(recvmmsg(p.s, m, 3, 0, &limit));
	say("%u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len);
	bool all = limit.tv_sec == sec && limit.tv_nsec == nsec;
	say("%s of the time is left", !limit.tv_sec && !limit.tv_nsec ? "nothing"
	    : all ? "all" : "some");
}

int main(void)
{
	watchdog_start();
	p = pair_open(AF_INET);
	MUST(write(p.c, "aabbccdd", 8));
	wait_arrived(p.c, p.s);
	receive("no time", (struct timespec){0, 0});
	receive("much time", (struct timespec){1000, 0});
	receive("too many nanoseconds", (struct timespec){0, 1000000000});
	receive("less than no time", (struct timespec){-1, 0});
	set_nonblocking(p.s, true);
	receive("nothing there", (struct timespec){1000, 0});
	pair_close(&p);
	return 0;
}
