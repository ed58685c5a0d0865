/* SPDX-License-Identifier: GPL-3.0-or-later */
/* msghdr with control buffers and names, on both sides: ignored, cut and filled as TCP does. */
#include "../trace.h"

static struct pair p;
static char in[64];

/* A message with one control header that means nothing to a socket. */
static union {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = 12345, .cmsg_type = 1}};
static struct iovec words = {"words", 5};

static void check(void)
{
	memset(in, 0, sizeof(in));
	T(read_exact(p.s, in, 5));
	say_sum("got", in, 5);
}

static void say_fields(const struct msghdr *m)
{
	say("namelen %u, controllen %zu, flags %#x", m->msg_namelen, m->msg_controllen,
	    (unsigned)m->msg_flags);
}

static void receive(const char *name, size_t name_size, size_t control_size, int flags)
{
	union address from;
	char space[64];
	struct iovec iov[2] = {{in, 2}, {in + 2, sizeof(in) - 2}};
	struct msghdr m = {.msg_name = &from,
	                   .msg_namelen = (socklen_t)name_size,
	                   .msg_iov = iov,
	                   .msg_iovlen = 2,
	                   .msg_control = space,
	                   .msg_controllen = control_size,
	                   .msg_flags = 0x5555};
	struct mmsghdr mm = {.msg_hdr = m};
	step(name);
	MUST(write(p.c, "words", 5));
	wait_readable(p.s);
	memset(space, 0x55, sizeof(space));
	memset(&from, 0x55, sizeof(from));
	T(recvmsg(p.s, &m, flags | MSG_PEEK));
	say_fields(&m);
	T(recvmmsg(p.s, &mm, 1, flags, NULL));
	say_fields(&mm.msg_hdr);
	say("%s, %s, %u bytes", space[0] == 0x55 ? "untouched" : "WRITTEN",
	    from.any.sa_family == 0x5555 ? "untouched" : "WRITTEN", mm.msg_len);
	say_sum("got", in, 5);
}

int main(void)
{
	watchdog_start();
	p = pair_open(AF_INET);
	union address a = address_of(p.l);
	struct msghdr m = {.msg_name = &a,
	                   .msg_namelen = address_size(&a),
	                   .msg_iov = &words,
	                   .msg_iovlen = 1,
	                   .msg_control = &control,
	                   .msg_controllen = sizeof(control)};
	struct mmsghdr mm = {.msg_hdr = m};

	step("sent with a control message of another layer");
	T(sendmsg(p.c, &m, 0));
	check();
	T(sendmmsg(p.c, &mm, 1, 0));
	say("%u", mm.msg_len);
	check();

	step("sent with a control buffer that is too short to be one, and with none");
	m.msg_controllen = 5;
	T(sendmsg(p.c, &m, 0));
	check();
	m.msg_controllen = 0;
	T(sendmsg(p.c, &m, 0));
	check();

	receive("received with room for both", sizeof(a), 64, 0);
	receive("received with little room", 1, 1, 0);
	receive("received with none", 0, 0, 0);
	receive("received with MSG_WAITALL", sizeof(a), 64, MSG_DONTWAIT | MSG_WAITALL);
	receive("received with MSG_CMSG_CLOEXEC", sizeof(a), 64, MSG_CMSG_CLOEXEC);
	return 0;
}
