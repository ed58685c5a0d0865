/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CFLAGS: -O2 -D_FORTIFY_SOURCE=2 */
/* Every spelling of read, the fortified ones by the compiler's doing: bytes, fields, the end. */
#include "../trace.h"

static struct pair p;
static char out[256], in[256];

/* Sends bytes and waits until they are there. */
static void send_some(size_t size)
{
	fill(out, size, 0);
	memset(in, 0, sizeof(in));
	MUST(write(p.c, out, size));
	wait_readable(p.s);
}

/* Sizes the compiler cannot know, into a buffer whose size it knows: __read_chk and friends. */
static volatile size_t ten = 10;

int main(void)
{
	watchdog_start();
	p = pair_open(AF_INET);

	step("read");
	send_some(25);
	T(read(p.s, in, ten));
	T(read(p.s, in + 10, ten));
	T(read(p.s, in + 20, ten));
	say_sum("got", in, 25);

	step("readv");
	send_some(25);
	struct iovec iov[4] = {{in, 1}, {in + 1, 0}, {in + 1, 12}, {in + 13, 40}};
	T(readv(p.s, iov, 4));
	say_sum("got", in, 25);
	T(readv(p.s, iov, 0));
	T(readv(p.s, iov, -1));

	step("recv");
	send_some(25);
	T(recv(p.s, in, ten, 0));
	T(recv(p.s, in + 10, sizeof(in) - 10, 0));
	say_sum("got", in, 25);

	step("recvfrom");
	send_some(25);
	union address from;
	memset(&from, 0x55, sizeof(from));
	socklen_t length = sizeof(from);
	T(recvfrom(p.s, in, ten, 0, &from.any, &length));
	say("address of %u bytes, %s", length,
	    from.any.sa_family == 0x5555 ? "untouched" : "written");
	T(recvfrom(p.s, in + 10, ten, 0, NULL, NULL));
	T(recvfrom(p.s, in + 20, 5, MSG_DONTWAIT, NULL, NULL));
	say_sum("got", in, 25);

	step("recvmsg");
	send_some(25);
	char control[64];
	memset(&from, 0x55, sizeof(from));
	struct iovec two[2] = {{in, 3}, {in + 3, 100}};
	struct msghdr m = {.msg_name = &from,
	                   .msg_namelen = sizeof(from),
	                   .msg_iov = two,
	                   .msg_iovlen = 2,
	                   .msg_control = control,
	                   .msg_controllen = sizeof(control),
	                   .msg_flags = 0x7777};
	T(recvmsg(p.s, &m, 0));
	say_sum("got", in, 25);
	say("namelen %u, controllen %zu, flags %#x", m.msg_namelen, m.msg_controllen,
	    (unsigned)m.msg_flags);
	m.msg_iovlen = 0;
	T(recvmsg(p.s, &m, MSG_DONTWAIT));

	step("recvmmsg");
	send_some(25);
	struct iovec parts[3] = {{in, 10}, {in + 10, 10}, {in + 20, 10}};
	struct mmsghdr mm[4];
	memset(mm, 0, sizeof(mm));
	for (int i = 0; i < 3; i++)
		mm[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	T(recvmmsg(p.s, mm, 3, MSG_DONTWAIT, NULL));
	say("%u %u %u", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len);
	say_sum("got", in, 25);
	T(recvmmsg(p.s, mm, 3, MSG_DONTWAIT, NULL));
	send_some(15);
	T(recvmmsg(p.s, mm, 3, MSG_DONTWAIT, NULL));
	say("%u %u", mm[0].msg_len, mm[1].msg_len);
	send_some(25);
	T(recvmmsg(p.s, mm, 3, MSG_WAITFORONE, NULL));
	say_sum("got", in, 25);

	step("preadv2");
	send_some(25);
	T(preadv2(p.s, iov, 4, -1, 0));
	say_sum("got", in, 25);
	T(preadv2(p.s, iov, 4, -1, RWF_NOWAIT));
	T(preadv2(p.s, iov, 4, 0, 0));
	T(pread(p.s, in, ten, 0));
	T(preadv(p.s, iov, 4, 0));

	step("the end, by each");
	MUST(shutdown(p.c, SHUT_WR));
	T(read(p.s, in, ten));
	T(readv(p.s, iov, 4));
	T(recv(p.s, in, ten, 0));
	T(recvfrom(p.s, in, ten, 0, NULL, NULL));
	m.msg_iovlen = 2;
	T(recvmsg(p.s, &m, 0));
	T(recvmmsg(p.s, mm, 2, 0, NULL));
	T(preadv2(p.s, iov, 4, -1, 0));
	return 0;
}
