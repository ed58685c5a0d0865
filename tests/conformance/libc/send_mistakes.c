/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flags and control messages that TCP refuses, or hands back, on a connection. */
#include "../trace.h"

static char buffer[16];
static struct iovec words = {"words", 5};
static union {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
} control;

static void send_control(const char *name, int fd, int level, int type, size_t length)
{
	struct msghdr m = {.msg_iov = &words,
	                   .msg_iovlen = 1,
	                   .msg_control = &control,
	                   .msg_controllen = sizeof(control)};
	step(name);
	control.header.cmsg_level = level;
	control.header.cmsg_type = type;
	control.header.cmsg_len = length;
	T(sendmsg(fd, &m, MSG_NOSIGNAL));
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	union address a = address_of(p.l);

	step("MSG_FASTOPEN on what is connected");
	T(sendto(p.c, "words", 5, MSG_FASTOPEN, &a.any, address_size(&a)));
	T(sendto(p.c, "words", 5, MSG_FASTOPEN, NULL, 0));

	send_control("a control message that is not known", p.c, SOL_SOCKET, 0x7777,
	             CMSG_LEN(sizeof(int)));
	send_control("one that is too short", p.c, SOL_SOCKET, 1, 3);
	send_control("one that is too long", p.c, SOL_SOCKET, 1, sizeof(control) + 100);
	say_poll("s", p.s, POLLIN, 0);

	step("a flag that comes back");
	struct iovec iov = {buffer, sizeof(buffer)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	MUST(write(p.c, "words", 5));
	wait_for(p.s, POLLIN);
	T(recvmsg(p.s, &m, MSG_CMSG_CLOEXEC | MSG_PEEK));
	say("flags %#x", (unsigned)m.msg_flags);
	return 0;
}
