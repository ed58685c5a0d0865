/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every spelling of write: what arrives is what was given, in order, and the count is right. */
#include "../trace.h"

static struct pair p;
static char in[256];

static void check(size_t size)
{
	memset(in, 0, sizeof(in));
	T(read_exact(p.s, in, size));
	say_sum("got", in, size);
}

int main(void)
{
	char out[256];

	watchdog_start();
	p = pair_open(AF_INET);
	fill(out, sizeof(out), 0);

	step("write");
	T(write(p.c, out, 100));
	check(100);

	step("writev");
	struct iovec iov[5] = {{out, 1}, {out + 1, 0}, {NULL, 0}, {out + 1, 49}, {out + 50, 50}};
	T(writev(p.c, iov, 5));
	check(100);
	T(writev(p.c, iov, 0));
	T(writev(p.c, iov, -1));
	T(writev(p.c, iov + 1, 2));

	step("send");
	T(send(p.c, out, 100, 0));
	check(100);

	step("sendto");
	T(sendto(p.c, out, 100, 0, NULL, 0));
	check(100);
	union address a = address_of(p.l);
	T(sendto(p.c, out, 10, 0, &a.any, address_size(&a)));
	check(10);

	step("sendmsg");
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 5};
	T(sendmsg(p.c, &m, 0));
	check(100);
	m.msg_iovlen = 0;
	T(sendmsg(p.c, &m, 0));

	step("sendmmsg");
	struct mmsghdr mm[3];
	memset(mm, 0, sizeof(mm));
	struct iovec parts[3] = {{out, 10}, {out + 10, 50}, {out + 60, 40}};
	for (int i = 0; i < 3; i++)
		mm[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	T(sendmmsg(p.c, mm, 3, 0));
	say("%u %u %u", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len);
	check(100);
	T(sendmmsg(p.c, mm, 0, 0));

	step("pwritev2");
	T(pwritev2(p.c, iov, 5, -1, 0));
	check(100);
	T(pwritev2(p.c, iov, 5, 0, 0));
	T(pwrite(p.c, out, 10, 0));
	T(pwritev(p.c, iov, 5, 0));

	step("dprintf");
	T(dprintf(p.c, "%s %d\n", "number", 42));
	check(10);

	step("nothing at all");
	T(write(p.c, out, 0));
	T(write(p.c, NULL, 0));
	T(send(p.c, out, 0, 0));
	say_poll("s", p.s, POLLIN, 0);

	step("and the other way");
	T(write(p.s, out, 7));
	T(read_exact(p.c, in, 7));
	return 0;
}
