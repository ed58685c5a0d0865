/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One end closes before a word is said, without another call: the other reads the end, no reset. */
#include "../tasks.h"

#define MANY 40

/* A child makes one of the ends and closes it, or leaves that to its exit. */
enum way { CLOSES, SHUTS, EXITS, EXECS, DROPS_ALL };

static void leave(int fd, enum way way)
{
	if (way == SHUTS)
		MUST(shutdown(fd, SHUT_WR));
	else if (way == DROPS_ALL)
		closefrom(fd);
	else if (way == EXECS)
		MUST(execl("/bin/true", "true", NULL));
	if (way != EXITS)
		close(fd);
}

static void read_end(const char *who, int fd)
{
	char byte;
	say("%s", who);
	T(read(fd, &byte, 1));
	T(read(fd, &byte, 1));
	T(write(fd, "x", 1));
}

static void client_leaves(enum way way)
{
	int l = listen_on(AF_INET, 8);
	pid_t pid = fork_watched();
	if (pid == 0) {
		int c = connect_to(l);
		leave(c, way);
		exit(0);
	}
	int s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	read_end("server", s);
	say_wait("client", pid);
	close(s);
	close(l);
}

static void server_leaves(enum way way)
{
	int l = listen_on(AF_INET, 8);
	pid_t pid = fork_watched();
	if (pid == 0) {
		int s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
		leave(s, way);
		exit(0);
	}
	int c = connect_to(l);
	read_end("client", c);
	say_wait("server", pid);
	close(c);
	close(l);
}

/* The connection is one of many, and its maker goes on with other things, never with it. */
static void event_loop(void)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	int l = listen_on(AF_INET, MANY), ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	int ends = 0, others = 0;
	int fds[MANY];
	for (int i = 0; i < MANY; i++) {
		int c = connect_to(l);
		fds[i] = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
		e.data.fd = fds[i];
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e));
		close(c);
	}
	while (ends + others < MANY) {
		struct epoll_event found[8];
		int count = (int)MUST(epoll_wait(ep, found, 8, -1));
		for (int i = 0; i < count; i++) {
			char byte;
			ssize_t n = read(found[i].data.fd, &byte, 1);
			ends += n == 0;
			others += n > 0 || (n < 0 && errno != EAGAIN);
		}
	}
	say("%d ends, %d others", ends, others);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	close(ep);
	close(l);
}

/* Nothing is said where the program asks for a reset. */
static void with_linger(void)
{
	struct linger now = {1, 0};
	int l = listen_on(AF_INET, 8);
	int c = connect_to(l), s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	MUST(setsockopt(c, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(c);
	read_end("server", s);
	close(s);
	close(l);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	watchdog_start();
	step("the client closes");
	client_leaves(CLOSES);
	step("the client shuts down and closes");
	client_leaves(SHUTS);
	step("the client exits");
	client_leaves(EXITS);
	step("the client runs another program");
	client_leaves(EXECS);
	step("the client closes all it has");
	client_leaves(DROPS_ALL);
	step("the server closes");
	server_leaves(CLOSES);
	step("the server shuts down and closes");
	server_leaves(SHUTS);
	step("the server exits");
	server_leaves(EXITS);
	step("the server runs another program");
	server_leaves(EXECS);
	step("many, in an event loop");
	event_loop();
	step("SO_LINGER");
	with_linger();
	return 0;
}
