/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every call that may wait, under SO_RCVTIMEO or SO_SNDTIMEO, and under a signal. */
#include "../trace.h"

#include <sys/sendfile.h>

static struct pair p;
static int pipes[2], file;
static char buffer[100];

static ssize_t by_read(void)
{
	return read(p.s, buffer, sizeof(buffer));
}

static ssize_t by_readv(void)
{
	struct iovec iov[3] = {{buffer, 1}, {NULL, 0}, {buffer + 1, 50}};
	return readv(p.s, iov, 3);
}

static ssize_t by_preadv2(void)
{
	struct iovec iov = {buffer, sizeof(buffer)};
	return preadv2(p.s, &iov, 1, -1, 0);
}

static ssize_t by_recv(void)
{
	return recv(p.s, buffer, sizeof(buffer), 0);
}

static ssize_t by_peek(void)
{
	return recv(p.s, buffer, sizeof(buffer), MSG_PEEK);
}

static ssize_t by_waitall(void)
{
	return recv(p.s, buffer, sizeof(buffer), MSG_WAITALL);
}

static ssize_t by_recvfrom(void)
{
	return recvfrom(p.s, buffer, sizeof(buffer), MSG_TRUNC, NULL, NULL);
}

static ssize_t by_recvmsg(void)
{
	struct iovec iov = {buffer, sizeof(buffer)};
	return recvmsg(p.s, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
}

static ssize_t by_recvmmsg(void)
{
	struct iovec iov = {buffer, sizeof(buffer)};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	return recvmmsg(p.s, &m, 1, 0, NULL);
}

static ssize_t by_splice(void)
{
	return splice(p.s, NULL, pipes[1], NULL, 100, 0);
}

static char big[1 << 16];

static ssize_t by_write(void)
{
	return write(p.c, big, sizeof(big));
}

static ssize_t by_writev(void)
{
	struct iovec iov[2] = {{big, 1}, {big, sizeof(big) - 1}};
	return writev(p.c, iov, 2);
}

static ssize_t by_pwritev2(void)
{
	struct iovec iov = {big, sizeof(big)};
	return pwritev2(p.c, &iov, 1, -1, 0);
}

static ssize_t by_send(void)
{
	return send(p.c, big, sizeof(big), MSG_NOSIGNAL);
}

static ssize_t by_sendmsg(void)
{
	struct iovec iov = {big, sizeof(big)};
	return sendmsg(p.c, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
}

static ssize_t by_sendmmsg(void)
{
	struct iovec iov = {big, sizeof(big)};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	return sendmmsg(p.c, &m, 1, 0);
}

static ssize_t by_sendfile(void)
{
	return sendfile(p.c, file, &(off_t){0}, sizeof(big));
}

struct call {
	const char *name;
	ssize_t (*run)(void);
};

static const struct call reads[] = {{"read", by_read},         {"readv", by_readv},
                                    {"preadv2", by_preadv2},   {"recv", by_recv},
                                    {"MSG_PEEK", by_peek},     {"MSG_WAITALL", by_waitall},
                                    {"recvfrom", by_recvfrom}, {"recvmsg", by_recvmsg},
                                    {"recvmmsg", by_recvmmsg}, {"splice", by_splice}};
static const struct call writes[] = {{"write", by_write},       {"writev", by_writev},
                                     {"pwritev2", by_pwritev2}, {"send", by_send},
                                     {"sendmsg", by_sendmsg},   {"sendmmsg", by_sendmmsg},
                                     {"sendfile", by_sendfile}};

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static void nothing(int signal)
{
	(void)signal;
}

static void say_result(const char *name, ssize_t n)
{
	say("%s: %zd %s", name, n, n < 0 ? strerrorname_np(errno) : "");
}

/* Again and again, should the first come before the call waits. */
static void signals(int flags, int interval)
{
	struct sigaction action = {.sa_handler = nothing, .sa_flags = flags};
	struct itimerval when = {.it_value.tv_usec = interval, .it_interval.tv_usec = interval};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

static void limit(int fd, int option, int ms)
{
	struct timeval time = {.tv_usec = ms * 1000};
	MUST(setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time)));
}

/* Asks each; the first calls fill what there is to fill. */
static void ask(const struct call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ssize_t n;
		trace_call = calls[i].name;
		do
			n = calls[i].run();
		while (n > 0);
		say_result(calls[i].name, n);
	}
}

int main(void)
{
	watchdog_start();
	char name[] = "/tmp/conformance.XXXXXX";
	file = (int)MUST(mkstemp(name));
	unlink(name);
	MUST(write(file, big, sizeof(big)));
	MUST(pipe2(pipes, O_CLOEXEC));
	p = pair_open(AF_INET);

	step("SO_RCVTIMEO");
	limit(p.s, SO_RCVTIMEO, 20);
	ask(reads, COUNT(reads));
	step("SO_RCVTIMEO, and something is there");
	for (size_t i = 0; i < COUNT(reads); i++) {
		MUST(write(p.c, "abc", 3));
		wait_readable(p.s);
		trace_call = reads[i].name;
		say_result(reads[i].name, reads[i].run());
		(void)recv(p.s, buffer, sizeof(buffer), MSG_DONTWAIT);
	}
	step("SO_RCVTIMEO beside a signal with SA_RESTART");
	limit(p.s, SO_RCVTIMEO, 900);
	signals(SA_RESTART, 10000);
	ask(reads, COUNT(reads));
	limit(p.s, SO_RCVTIMEO, 0);

	step("a signal");
	signals(0, 10000);
	ask(reads, COUNT(reads));
	signals(0, 0);

	step("SO_SNDTIMEO");
	limit(p.c, SO_SNDTIMEO, 20);
	ask(writes, COUNT(writes));
	limit(p.c, SO_SNDTIMEO, 0);

	step("a signal, nothing fits");
	signals(0, 10000);
	ask(writes, COUNT(writes));
	signals(0, 0);
	return 0;
}
