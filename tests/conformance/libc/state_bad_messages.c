/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sendmsg and recvmsg with what they cannot read: an error, and the connection goes on. */
#include "../trace.h"

static char text[16];
static union {
	char bytes[64];
	struct cmsghdr head;
} control;

static void message_is_missing(int fd)
{
	T(sendmsg(fd, NULL, 0));
	T(recvmsg(fd, NULL, MSG_DONTWAIT));
	T(sendmmsg(fd, NULL, 2, 0));
	T(sendmmsg(fd, NULL, 0, 0));
	T(recvmmsg(fd, NULL, 2, MSG_DONTWAIT, NULL));
	T(recvmmsg(fd, NULL, 0, MSG_DONTWAIT, NULL));
}

static void parts_are_missing(int fd)
{
	struct iovec v = {text, 1};
	struct msghdr no_vector = {.msg_iovlen = 1};
	struct msghdr no_control = {.msg_iov = &v, .msg_iovlen = 1, .msg_controllen = 64};
	struct mmsghdr several = {.msg_hdr = no_control};
	T(sendmsg(fd, &no_vector, 0));
	T(recvmsg(fd, &no_vector, MSG_DONTWAIT));
	T(sendmsg(fd, &no_control, 0));
	T(sendmmsg(fd, &several, 1, 0));
	T(recvmsg(fd, &no_control, MSG_DONTWAIT));
}

/* Room for what comes along is not asked for by its address. */
static void control_is_missing(int from, int to)
{
	struct iovec v = {text, 4};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_controllen = 64};
	T(write(from, "text", 4));
	wait_readable(to);
	T(recvmsg(to, &m, 0));
	say("%.4s, %zu bytes came along", text, m.msg_controllen);
}

/* unix(7): descriptors that are none, in pieces that are not whole. */
static void control_is_broken(int fd)
{
	static const size_t lengths[] = {0, 4, sizeof(struct cmsghdr) - 1, sizeof(control) + 1,
	                                 4096, (size_t)-8, (size_t)-1};
	struct iovec v = {text, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
	                   .msg_controllen = sizeof(control)};
	memset(&control, 0xff, sizeof(control));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		control.head.cmsg_len = lengths[i];
		T(sendmsg(fd, &m, 0));
	}
}

static void goes_on(int a, int b)
{
	T(write(a, "more", 4));
	T(read_exact(b, text, 4));
	T(write(b, "again", 5));
	T(read_exact(a, text, 5));
}

int main(void)
{
	int ends[2];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	step("a connection");
	message_is_missing(p.c);
	parts_are_missing(p.c);
	control_is_missing(p.s, p.c);
	goes_on(p.c, p.s);

	step("another socket");
	message_is_missing(ends[0]);
	parts_are_missing(ends[0]);
	control_is_missing(ends[1], ends[0]);
	control_is_broken(ends[0]);
	goes_on(ends[0], ends[1]);

	step("none");
	message_is_missing(-1);
	parts_are_missing(-1);
	pair_close(&p);
	return 0;
}
