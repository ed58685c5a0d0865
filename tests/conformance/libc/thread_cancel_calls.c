/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every other call that may wait, cancelled in its wait: the thread goes, the connection stays. */
#include "../tasks.h"

static struct pair p;
static char buffer[100];
static int ep, pipes[2], spare[2], c;

static void in_readv(void *argument)
{
	struct iovec iov[2] = {{buffer, 10}, {buffer + 10, 10}};
	(void)argument;
	readv(p.s, iov, 2);
}

static void in_recvfrom(void *argument)
{
	(void)argument;
	recvfrom(p.s, buffer, sizeof(buffer), 0, NULL, NULL);
}

static void in_peek(void *argument)
{
	(void)argument;
	recv(p.s, buffer, sizeof(buffer), MSG_PEEK);
}

static void in_recvmmsg(void *argument)
{
	struct iovec iov = {buffer, sizeof(buffer)};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	(void)argument;
	recvmmsg(p.s, &m, 1, 0, NULL);
}

static void in_preadv2(void *argument)
{
	struct iovec iov = {buffer, sizeof(buffer)};
	(void)argument;
	preadv2(p.s, &iov, 1, -1, 0);
}

static void in_ppoll(void *argument)
{
	(void)argument;
	ppoll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, NULL, NULL);
}

static void in_pselect(void *argument)
{
	fd_set r;
	(void)argument;
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	pselect(p.s + 1, &r, NULL, NULL, NULL, NULL);
}

static void in_epoll_pwait(void *argument)
{
	struct epoll_event e;
	(void)argument;
	epoll_pwait(ep, &e, 1, -1, NULL);
}

static void in_epoll_pwait2(void *argument)
{
	struct epoll_event e;
	(void)argument;
	epoll_pwait2(ep, &e, 1, NULL, NULL);
}

static void in_accept4(void *argument)
{
	(void)argument;
	accept4(p.l, NULL, NULL, SOCK_CLOEXEC);
}

static void in_splice(void *argument)
{
	(void)argument;
	splice(p.s, NULL, pipes[1], NULL, 100, 0);
}

static void in_splice_from(void *argument)
{
	(void)argument;
	splice(pipes[0], NULL, p.c, NULL, 100, 0);
}

/* The writing ones go on until nothing is taken any more. */
static char big[1 << 20];

static void in_send(void *argument)
{
	(void)argument;
	for (;;)
		send(c, big, sizeof(big), MSG_NOSIGNAL);
}

static void in_writev(void *argument)
{
	struct iovec iov[2] = {{big, 1}, {big, sizeof(big) - 1}};
	(void)argument;
	for (;;)
		writev(c, iov, 2);
}

static void in_sendto(void *argument)
{
	(void)argument;
	for (;;)
		sendto(c, big, sizeof(big), 0, NULL, 0);
}

static void in_sendmsg(void *argument)
{
	struct iovec iov = {big, sizeof(big)};
	(void)argument;
	for (;;)
		sendmsg(c, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
}

static void in_sendmmsg(void *argument)
{
	struct iovec iov = {big, sizeof(big)};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	(void)argument;
	for (;;)
		sendmmsg(c, &m, 1, 0);
}

static void in_pwritev2(void *argument)
{
	struct iovec iov = {big, sizeof(big)};
	(void)argument;
	for (;;)
		pwritev2(c, &iov, 1, -1, 0);
}

static void in_splice_full(void *argument)
{
	(void)argument;
	for (;;) {
		(void)!write(spare[1], big, 4096);
		splice(spare[0], NULL, c, NULL, 4096, 0);
	}
}

struct call {
	const char *name;
	void (*run)(void *);
};

static void cancel(const struct call *call)
{
	struct task t;
	void *result = NULL;
	step(call->name);
	task_start(&t, call->run, NULL);
	task_wait_asleep(&t);
	pthread_cancel(t.thread);
	trace_call = "pthread_join";
	pthread_join(t.thread, &result);
	say("%s", result == PTHREAD_CANCELED ? "cancelled" : "RETURNED");
}

int main(void)
{
	static const struct call reading[] = {
		{"readv", in_readv},
		{"recvfrom", in_recvfrom},
		{"MSG_PEEK", in_peek},
		{"recvmmsg", in_recvmmsg},
		{"preadv2", in_preadv2},
		{"ppoll", in_ppoll},
		{"pselect", in_pselect},
		{"epoll_pwait", in_epoll_pwait},
		{"epoll_pwait2", in_epoll_pwait2},
		{"accept4", in_accept4},
		{"splice to a pipe", in_splice},
		{"splice from a pipe", in_splice_from}};
	static const struct call writing[] = {{"send", in_send},         {"writev", in_writev},
	                                      {"sendto", in_sendto},     {"sendmsg", in_sendmsg},
	                                      {"sendmmsg", in_sendmmsg}, {"pwritev2", in_pwritev2},
	                                      {"splice", in_splice_full}};

	watchdog_start();
	p = pair_open(AF_INET);
	MUST(pipe(pipes));
	MUST(pipe2(spare, O_NONBLOCK));
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++) {
		cancel(&reading[i]);
		T(write(p.c, "there", 5));
		T(read_exact(p.s, buffer, 5));
	}
	for (size_t i = 0; i < sizeof(writing) / sizeof(writing[0]); i++) {
		struct pair q = pair_open(AF_INET);
		c = q.c;
		cancel(&writing[i]);
		T(write(q.s, "back", 4));
		T(read_exact(q.c, buffer, 4));
		pair_close(&q);
	}
	return 0;
}
