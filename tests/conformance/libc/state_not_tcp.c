/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is not a TCP connection is left alone: Unix sockets, UDP, pipes, files, /dev/null. */
#include "../trace.h"

int main(void)
{
	char buffer[64];
	int sv[2];

	watchdog_start();
	step("Unix stream, with a descriptor passed along");
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	T(write(sv[0], "text", 4));
	T(read(sv[1], buffer, sizeof(buffer)));
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
	                        .cmsg_level = SOL_SOCKET,
	                        .cmsg_type = SCM_RIGHTS}};
	int zero = (int)MUST(open("/dev/zero", O_RDONLY));
	memcpy(CMSG_DATA(&control.header), &zero, sizeof(zero));
	struct iovec iov = {"fd", 2}, in = {buffer, sizeof(buffer)};
	struct msghdr m = {.msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = &control,
	                   .msg_controllen = sizeof(control)};
	T(sendmsg(sv[0], &m, 0));
	memset(&control, 0, sizeof(control));
	m.msg_iov = &in;
	T(recvmsg(sv[1], &m, 0));
	int passed = -1;
	memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(passed));
	T(read(passed, buffer, 8));

	step("UDP");
	int a = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0)),
	    b = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0));
	union address at = loopback(AF_INET);
	socklen_t length = sizeof(at);
	MUST(bind(a, &at.any, sizeof(at.in)));
	MUST(getsockname(a, &at.any, &length));
	T(sendto(b, "datagram", 8, 0, &at.any, sizeof(at.in)));
	T(recvfrom(a, buffer, 3, MSG_TRUNC, NULL, NULL));
	T(connect(b, &at.any, sizeof(at.in)));
	T(write(b, "two", 3));
	T(write(b, "three", 5));
	T(read(a, buffer, sizeof(buffer)));
	T(read(a, buffer, sizeof(buffer)));
	int queued;
	length = sizeof(queued);
	errno = 0;
	T(getsockopt(a, IPPROTO_TCP, TCP_NODELAY, &queued, &length));
	errno = 0;
	MUST(ioctl(b, SIOCOUTQ, &queued));
	MUST(setsockopt(b, SOL_SOCKET, SO_SNDBUF, &(int){8192}, sizeof(int)));
	say("errno: %s", errno ? strerrorname_np(errno) : "as it was");

	step("a pipe");
	MUST(pipe(sv));
	T(write(sv[1], "pipe", 4));
	T(read(sv[0], buffer, sizeof(buffer)));
	T(shutdown(sv[0], SHUT_RD));
	T(close(sv[1]));
	T(read(sv[0], buffer, sizeof(buffer)));

	step("nothing");
	T(read(-1, buffer, 1));
	T(write(99999, buffer, 1));
	T(recv(-1, buffer, 1, 0));
	T(close(-1));
	T(ioctl(-1, FIONREAD, &length));
	T(epoll_ctl(-1, EPOLL_CTL_ADD, 0, NULL));
	T(epoll_wait(sv[0], &(struct epoll_event){0}, 1, 0));
	T(poll(NULL, 0, 0));
	T(listen(sv[0], 1));
	T(socket(12345, 0, 0));
	return 0;
}
