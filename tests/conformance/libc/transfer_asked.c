/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reader that asks how much there is (FIONREAD), or looks at it, before each small read. */
#include "../trace.h"

#define TOTAL 3000000

static ssize_t get_asked(int fd, void *to, size_t size)
{
	int there = 0;
	MUST(ioctl(fd, FIONREAD, &there));
	return read(fd, to, size);
}

static ssize_t get_peeked(int fd, void *to, size_t size)
{
	static char look[100000];
	ssize_t seen = recv(fd, look, sizeof(look), MSG_PEEK);
	ssize_t got = seen > 0 ? read(fd, to, size) : seen;
	/* Reading makes room, so that more may have come than was there to be looked at. */
	if (got > 0 && memcmp(look, to, (size_t)(got < seen ? got : seen)))
		say("read is not what was looked at");
	return got;
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	pair_nonblocking(&p);
	step("asked");
	pump("4096 at a time", p.c, put_write, p.s, get_asked, TOTAL, 4096);
	pump("7 at a time", p.s, put_write, p.c, get_asked, TOTAL / 100, 7);
	pump("60000 at a time", p.c, put_write, p.s, get_asked, TOTAL, 60000);
	step("looked at");
	pump("4096 at a time", p.c, put_write, p.s, get_peeked, TOTAL, 4096);
	pump("50000 at a time", p.s, put_write, p.c, get_peeked, TOTAL, 50000);
	return 0;
}
