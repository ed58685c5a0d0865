/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads cancelled while they wait on a socket: they go, and the socket works for others. */
#include "../tasks.h"

static struct pair p;
static char buffer[100];
static int ep;

static void in_read(void *a)
{
	(void)a;
	read(p.s, buffer, sizeof(buffer));
}

static void in_recv(void *a)
{
	(void)a;
	recv(p.s, buffer, sizeof(buffer), 0);
}

static void in_recvmsg(void *a)
{
	struct iovec iov = {buffer, sizeof(buffer)};
	(void)a;
	recvmsg(p.s, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
}

static void in_waitall(void *a)
{
	(void)a;
	recv(p.s, buffer, sizeof(buffer), MSG_WAITALL);
}

static void in_poll(void *a)
{
	(void)a;
	poll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, -1);
}

static void in_select(void *a)
{
	fd_set r;
	(void)a;
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	select(p.s + 1, &r, NULL, NULL, NULL);
}

static void in_epoll(void *a)
{
	struct epoll_event e;
	(void)a;
	epoll_wait(ep, &e, 1, -1);
}

static void in_accept(void *a)
{
	(void)a;
	accept(p.l, NULL, NULL);
}

static void in_write(void *a)
{
	static char big[8 << 20];
	(void)a;
	for (;;)
		write(p.c, big, sizeof(big));
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void *);
	} cases[] = {{"read", in_read},           {"recv", in_recv},    {"recvmsg", in_recvmsg},
	             {"MSG_WAITALL", in_waitall}, {"poll", in_poll},    {"select", in_select},
	             {"epoll_wait", in_epoll},    {"accept", in_accept}};

	watchdog_start();
	p = pair_open(AF_INET);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &event));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task t;
		void *result = NULL;
		step(cases[i].name);
		task_start(&t, cases[i].run, NULL);
		task_wait_asleep(&t);
		pthread_cancel(t.thread);
		trace_call = "pthread_join";
		pthread_join(t.thread, &result);
		say("%s", result == PTHREAD_CANCELED ? "cancelled" : "RETURNED");
		T(write(p.c, "there", 5));
		T(read_exact(p.s, buffer, 5));
		T(write(p.s, "back", 4));
		T(read_exact(p.c, buffer, 4));
	}

	step("blocked in write");
	struct task t;
	void *result = NULL;
	task_start(&t, in_write, NULL);
	task_wait_asleep(&t);
	pthread_cancel(t.thread);
	pthread_join(t.thread, &result);
	say("%s", result == PTHREAD_CANCELED ? "cancelled" : "RETURNED");
	T(write(p.s, "back", 4));
	T(read_exact(p.c, buffer, 4));
	return 0;
}
