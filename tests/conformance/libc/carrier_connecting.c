/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Carriers from the beginning, and event loops: a connection under way, which a set has already,
 * is writable when it is there, or refused.  RULES: engine = "carrier"; */
#include "../trace.h"

static char text[16];

static int ask(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	return error;
}

static void waits(int ep, int timeout)
{
	struct epoll_event e = {0};
	int found = (int)T(epoll_wait(ep, &e, 1, timeout));
	if (found == 1)
		say("%s", events_name(e.events));
}

static int fresh(int ep, uint32_t events)
{
	struct epoll_event event = {.events = events};
	int fd = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	return fd;
}

/* What another program writes, with a copy, and what comes from the other end. */
static void goes_on(int ep, int fd, int l)
{
	char command[64];
	struct epoll_event event = {.events = EPOLLIN};
	int s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	T(write(fd, "1", 1));
	snprintf(command, sizeof(command), "echo 2 >&%d", fd);
	T(system(command));
	T(write(fd, "3\n", 2));
	T(read_exact(s, text, 5));
	say("%.5s", text);
	T(write(s, "back", 4));
	T(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
	waits(ep, -1);
	T(read(fd, text, 4));
	close(s);
	waits(ep, -1);
	T(read(fd, text, 4));
	close(fd);
}

int main(void)
{
	watchdog_start();
	int l = listen_on(AF_INET, 8), ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	union address a = address_of(l);

	static const uint32_t ways[] = {EPOLLOUT, EPOLLOUT | EPOLLET};
	for (int i = 0; i < 2; i++) {
		step(i ? "edges" : "levels");
		int fd = fresh(ep, ways[i]);
		T(connect(fd, &a.any, address_size(&a)));
		waits(ep, -1);
		say("%d", ask(fd));
		goes_on(ep, fd, l);
	}

	step("asked by another connect");
	int fd = fresh(ep, EPOLLOUT);
	T(connect(fd, &a.any, address_size(&a)));
	waits(ep, -1);
	T(connect(fd, &a.any, address_size(&a)));
	T(connect(fd, &a.any, address_size(&a)));
	goes_on(ep, fd, l);

	step("not asked, and another program writes");
	fd = fresh(ep, EPOLLOUT);
	T(connect(fd, &a.any, address_size(&a)));
	waits(ep, -1);
	goes_on(ep, fd, l);

	step("not asked, and a child has it");
	fd = fresh(ep, EPOLLOUT);
	T(connect(fd, &a.any, address_size(&a)));
	int s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	waits(ep, -1);
	pid_t child = (pid_t)MUST(fork());
	if (!child) {
		snprintf(text, sizeof(text), "echo 1 >&%d", fd);
		execlp("sh", "sh", "-c", text, NULL);
		_exit(1);
	}
	say_wait("child", child);
	T(write(fd, "2", 1));
	T(read_exact(s, text, 3));
	say("%.3s", text);
	close(fd);
	T(read(s, text, 4));
	close(s);

	step("not asked, and nobody else has it");
	fd = fresh(ep, EPOLLOUT);
	T(connect(fd, &a.any, address_size(&a)));
	s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	waits(ep, -1);
	T(write(fd, "said", 4));
	T(read_exact(s, text, 4));
	close(fd);
	T(read(s, text, 4));
	close(s);

	step("refused");
	close(l);
	fd = fresh(ep, EPOLLOUT);
	T(connect(fd, &a.any, address_size(&a)));
	waits(ep, -1);
	say("%s", strerrorname_np(ask(fd)));
	close(fd);
	fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(connect(fd, &a.any, address_size(&a)));
	return 0;
}
