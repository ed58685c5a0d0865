/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing is asked for or given, by every spelling: with data there, without, and at the end. */
#include "../trace.h"

static char buffer[16];
static struct iovec nothing[3] = {{buffer, 0}, {NULL, 0}, {buffer, 0}};

/* What would wait for data is told not to. */
static void ask(int fd, int wait)
{
	struct msghdr m = {.msg_iov = nothing, .msg_iovlen = 3};
	struct mmsghdr mm[2] = {{.msg_hdr = m}, {.msg_hdr = m}};
	T(read(fd, buffer, 0));
	T(read(fd, NULL, 0));
	T(readv(fd, nothing, 3));
	T(readv(fd, NULL, 0));
	T(preadv2(fd, nothing, 3, -1, 0));
	T(recv(fd, buffer, 0, wait));
	T(recv(fd, NULL, 0, MSG_PEEK | wait));
	T(recv(fd, NULL, 0, MSG_TRUNC | wait));
	T(recv(fd, buffer, 0, MSG_WAITALL | wait));
	T(recvfrom(fd, buffer, 0, wait, NULL, NULL));
	T(recvmsg(fd, &m, wait));
	m.msg_iovlen = 0;
	T(recvmsg(fd, &m, wait));
	T(recvmmsg(fd, mm, 2, MSG_WAITFORONE | wait, NULL));
	T(recvmmsg(fd, mm, 0, wait, NULL));
}

static void give(int fd)
{
	struct msghdr m = {.msg_iov = nothing, .msg_iovlen = 3};
	struct mmsghdr mm[2] = {{.msg_hdr = m}, {.msg_hdr = m}};
	T(write(fd, buffer, 0));
	T(writev(fd, nothing, 3));
	T(pwritev2(fd, nothing, 3, -1, 0));
	T(send(fd, NULL, 0, MSG_NOSIGNAL));
	T(send(fd, buffer, 0, MSG_NOSIGNAL | MSG_MORE));
	T(sendto(fd, buffer, 0, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0));
	T(sendmsg(fd, &m, MSG_NOSIGNAL));
	T(sendmmsg(fd, mm, 2, MSG_NOSIGNAL));
	T(sendmmsg(fd, mm, 0, MSG_NOSIGNAL));
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);

	step("nothing there");
	ask(p.s, MSG_DONTWAIT);
	give(p.c);
	say_poll("s", p.s, POLLIN, 0);

	step("something there");
	MUST(write(p.c, "abc", 3));
	wait_readable(p.s);
	ask(p.s, 0);
	say_poll("s", p.s, POLLIN, 0);
	T(read(p.s, buffer, 1));
	ask(p.s, 0);
	T(read(p.s, buffer, sizeof(buffer)));
	ask(p.s, MSG_DONTWAIT);

	step("the end there");
	MUST(shutdown(p.c, SHUT_WR));
	wait_readable(p.s);
	ask(p.s, 0);
	give(p.c);
	T(read(p.s, buffer, 1));
	ask(p.s, 0);
	give(p.s);
	T(write(p.s, "still", 5));
	T(read_exact(p.c, buffer, 5));
	return 0;
}
