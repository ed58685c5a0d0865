/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors that are looked at first (MSG_PEEK), and more than there is room for (MSG_CTRUNC). */
#include "../trace.h"

#include <sys/un.h>

enum { MOST = 3 };

union control {
	char bytes[CMSG_SPACE(MOST * sizeof(int))];
	struct cmsghdr align;
};

static void pass(int to, const int *fds)
{
	union control control = {0};
	struct iovec v = {"f", 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
	                   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(MOST * sizeof(int));
	memcpy(CMSG_DATA(c), fds, MOST * sizeof(int));
	T(sendmsg(to, &m, 0));
}

static int take(int from, int flags, int room, int *fds)
{
	union control control = {0};
	char byte = 0;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
	                   .msg_controllen = CMSG_SPACE((size_t)room * sizeof(int))};
	if (room == 1)
		m.msg_controllen = CMSG_LEN(sizeof(int));
	T(recvmsg(from, &m, flags));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int count = c ? (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
	say("%c, %d%s", byte, count, m.msg_flags & MSG_CTRUNC ? ", truncated" : "");
	memcpy(fds, c ? (void *)CMSG_DATA(c) : "", (size_t)count * sizeof(int));
	return count;
}

static void use(const int *fds, int count, const struct pair *p)
{
	char buffer[8];
	for (int i = 0; i < count; i++) {
		T(write(fds[i], "by copy", 7));
		T(read_exact(p[i].c, buffer, 7));
		say("%.7s", buffer);
		T(write(p[i].c, "return", 6));
		T(read_exact(fds[i], buffer, 6));
		say("%.6s", buffer);
		T(close(fds[i]));
	}
}

static void messages(const char *name, bool peek, int room)
{
	struct pair p[MOST];
	int channel[2], fds[MOST];
	step(name);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
	for (int i = 0; i < MOST; i++) {
		p[i] = pair_open(AF_INET);
		fds[i] = p[i].s;
	}
	pass(channel[0], fds);
	if (peek)
		use(fds, take(channel[1], MSG_PEEK, MOST, fds), p);
	use(fds, take(channel[1], 0, room, fds), p);
	for (int i = 0; i < MOST; i++) {
		close(p[i].s);
		T(read(p[i].c, &(char){0}, 1));
		close(p[i].c);
		close(p[i].l);
	}
	close(channel[0]);
	close(channel[1]);
}

int main(void)
{
	watchdog_start();
	messages("three", false, MOST);
	messages("three, looked at first", true, MOST);
	messages("room for one", false, 1);
	return 0;
}
