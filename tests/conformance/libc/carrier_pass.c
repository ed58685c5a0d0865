/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections sent to another process (unix(7), SCM_RIGHTS), one and two at a time. */
#include "../trace.h"

#include <netinet/tcp.h>
#include <sys/un.h>

static void pass(int to, const int *fds, int count)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec v = {"f", 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
	                   .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
	T(sendmsg(to, &m, 0));
}

static int take(int from, int *fds)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
	                   .msg_controllen = sizeof(control)};
	MUST(recvmsg(from, &m, 0));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int count = c ? (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
	memcpy(fds, c ? CMSG_DATA(c) : NULL, (size_t)count * sizeof(int));
	return count;
}

/* It is still TCP to whoever has it now (Samba drops a connection that is not).  0: all right. */
static int ask(int fd, int state)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);
	int on = 1, queued = 1;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) || info.tcpi_state != state)
		return 1;
	length = 1;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) || length != 1)
		return 2;
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	on = 0;
	length = sizeof(on);
	if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length) || !on)
		return 3;
	while (queued)
		MUST(ioctl(fd, SIOCOUTQ, &queued));
	return 0;
}

/* Whom the bytes are from TCP does not say again, and gives no address.  0: all right. */
static int wait_and_ask(int fd)
{
	struct sockaddr_storage from;
	char byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &v,
	                   .msg_iovlen = 1};
	socklen_t length = sizeof(from);
	MUST(recvfrom(fd, &byte, 1, MSG_PEEK, (struct sockaddr *)&from, &length));
	MUST(recvmsg(fd, &m, MSG_PEEK));
	return length || m.msg_namelen ? 4 : 0;
}

/* Answers on each connection it is given with what came, until its end. */
static void serve(int from)
{
	int fds[2], count = take(from, fds);
	char buffer[1000];
	for (int i = 0; i < count; i++) {
		int wrong = ask(fds[i], TCP_ESTABLISHED);
		wrong = wrong ? wrong : wait_and_ask(fds[i]);
		ssize_t got;
		while ((got = read(fds[i], buffer, sizeof(buffer))) > 0)
			write_all(fds[i], buffer, (size_t)got);
		wrong = wrong ? wrong : ask(fds[i], TCP_CLOSE_WAIT);
		if (wrong)
			_exit(wrong);
		close(fds[i]);
	}
	_exit(0);
}

int main(void)
{
	char buffer[100];
	int channel[2];

	watchdog_start();
	for (int count = 1; count <= 2; count++) {
		step(count == 1 ? "one" : "two at once");
		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
		pid_t child = fork_watched();
		if (child == 0) {
			close(channel[0]);
			serve(channel[1]);
		}
		close(channel[1]);
		struct pair p[2];
		int fds[2];
		for (int i = 0; i < count; i++) {
			p[i] = pair_open(AF_INET);
			fds[i] = p[i].s;
		}
		pass(channel[0], fds, count);
		for (int i = 0; i < count; i++) {
			T(close(p[i].s));
			T(write(p[i].c, "over there", 10));
			T(read_exact(p[i].c, buffer, 10));
			say_sum("answer", buffer, 10);
			T(shutdown(p[i].c, SHUT_WR));
			T(read(p[i].c, buffer, 1));
			T(close(p[i].c));
			T(close(p[i].l));
		}
		say_wait("server", child);
		close(channel[0]);
	}
	T(wait(NULL));
	return 0;
}
