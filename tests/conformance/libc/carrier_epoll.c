/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection that goes to another process, too, stays in the epoll sets it is in, as they were
 * asked; and in its parent's when a child hands a copy on. */
#include "../processes.h"
#include "../rights.h"

#include <sys/eventfd.h>

static int ends[2];
static char text[16];

static void hand_out(int fd)
{
	int copy;
	pass(ends[0], &fd, 1);
	say("%d", take(ends[1], &copy, MSG_CMSG_CLOEXEC));
	close(copy);
}

static int set_with(int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	return ep;
}

static void waits(int ep, int timeout)
{
	struct epoll_event e = {0};
	int found = (int)T(epoll_wait(ep, &e, 1, timeout));
	if (found == 1)
		say("%s %#llx", events_name(e.events), (unsigned long long)e.data.u64);
}

static void goes_on(struct pair p, int ep, uint32_t events)
{
	MUST(write(p.c, "news", 4));
	waits(ep, -1);
	T(read_exact(p.s, text, 4));
	waits(ep, 0);
	struct epoll_event event = {.events = events | EPOLLOUT, .data.u64 = 2};
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	waits(ep, -1);
	event = (struct epoll_event){.events = events | EPOLLRDHUP, .data.u64 = UINT64_MAX};
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	waits(ep, 0);
	close(p.c);
	waits(ep, -1);
	T(epoll_ctl(ep, EPOLL_CTL_DEL, p.s, NULL));
	close(p.s);
	close(p.l);
	close(ep);
}

static void each_way(const char *name, uint32_t events)
{
	step(name);
	struct pair p = pair_open(AF_INET);
	int ep = set_with(p.s, events, UINT64_C(0x123456789abcdef0));
	waits(ep, 0);
	hand_out(p.s);
	waits(ep, 0);
	goes_on(p, ep, events);
}

int main(void)
{
	watchdog_start();
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	each_way("levels", EPOLLIN);
	each_way("edges", EPOLLIN | EPOLLET);
	each_way("once", EPOLLIN | EPOLLONESHOT);

	step("once, and told before");
	struct pair p = pair_open(AF_INET);
	int ep = set_with(p.s, EPOLLIN | EPOLLONESHOT, 1);
	MUST(write(p.c, "news", 4));
	waits(ep, -1);
	hand_out(p.s);
	MUST(poll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, -1));
	waits(ep, 0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 3};
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	waits(ep, -1);
	T(read_exact(p.s, text, 4));
	T(epoll_ctl(ep, EPOLL_CTL_DEL, p.s, NULL));
	close(ep);
	pair_close(&p);

	step("told, and the end comes before it is asked again");
	p = pair_open(AF_INET);
	ep = set_with(p.s, EPOLLOUT | EPOLLONESHOT, 1);
	waits(ep, -1);
	hand_out(p.s);
	close(p.c);
	T(shutdown(p.s, SHUT_WR));
	MUST(poll(&(struct pollfd){.fd = p.s, .events = 0}, 1, -1));
	waits(ep, 0);
	event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 3};
	T(epoll_ctl(ep, EPOLL_CTL_MOD, p.s, &event));
	waits(ep, -1);
	close(ep);
	close(p.s);
	close(p.l);

	step("added before it was connected, among many; two numbers, two sets");
	int many[300];
	int l = listen_on(AF_INET, 8), c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	union address a = address_of(l);
	ep = set_with(c, EPOLLIN | EPOLLET, 4);
	for (int i = 0; i < 300; i++) {
		event = (struct epoll_event){.events = EPOLLIN, .data.u64 = 5};
		many[i] = (int)MUST(eventfd(0, EFD_CLOEXEC));
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, many[i], &event));
	}
	MUST(connect(c, &a.any, address_size(&a)));
	p = (struct pair){l, (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC)), c};
	settle(p.c, p.s);
	struct epoll_event e;
	while (MUST(epoll_wait(ep, &e, 1, 0)))
		;
	int copy = (int)MUST(dup(p.s)), other = set_with(copy, EPOLLIN, 6);
	hand_out(p.s);
	MUST(write(p.c, "both", 4));
	waits(other, -1);
	waits(ep, -1);
	T(read_exact(copy, text, 4));
	close(copy);
	for (int i = 0; i < 300; i++)
		close(many[i]);
	goes_on(p, ep, EPOLLIN);
	close(other);

	step("on a number that others had, which are in the set");
	enum { NUMBER = 60 };
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	for (int i = 0; i < 8; i++) {
		event = (struct epoll_event){.events = EPOLLOUT | EPOLLET, .data.u64 = 7};
		many[i] = (int)MUST(eventfd(0, EFD_CLOEXEC));
		MUST(dup2(many[i], NUMBER));
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, NUMBER, &event));
		waits(ep, -1);
	}
	p = pair_open(AF_INET);
	MUST(dup2(p.s, NUMBER));
	close(p.s);
	p.s = NUMBER;
	set_nonblocking(p.s, true);
	event = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u64 = 8};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, NUMBER, &event));
	hand_out(NUMBER);
	for (int i = 0; i < 8; i++)
		close(many[i]);
	goes_on(p, ep, EPOLLIN | EPOLLET);

	step("full before the handshake is done");
	static char much[1 << 16];
	size_t sent = 0;
	p = pair_fresh(AF_INET);
	set_nonblocking(p.c, true);
	for (ssize_t n; (n = write(p.c, much, sizeof(much))) > 0;)
		sent += (size_t)n;
	ep = set_with(p.c, EPOLLOUT, 9);
	waits(ep, 0);
	hand_out(p.c);
	while (sent)
		sent -= (size_t)MUST(read(p.s, much, sizeof(much)));
	waits(ep, -1);
	waits(ep, 0);
	close(ep);
	pair_close(&p);

	step("a child's copy");
	p = pair_open(AF_INET);
	ep = set_with(p.s, EPOLLIN | EPOLLRDHUP, 7);
	pid_t child = (pid_t)MUST(fork());
	if (!child) {
		dup2(p.s, STDOUT_FILENO);
		execlp("echo", "echo", "from the child", NULL);
		_exit(1);
	}
	say_wait("child", child);
	T(read_exact(p.c, text, 15));
	goes_on(p, ep, EPOLLIN);
	return 0;
}
