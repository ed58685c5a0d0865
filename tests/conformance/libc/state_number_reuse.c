/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A closed socket's number goes to files, pipes, sets, timers, sockets, and is what they are. */
#include "../trace.h"

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

static char buffer[32];

/* A connection that was used, and closed in one of several ways. */
static int closed_number(int how)
{
	struct pair p = pair_open(AF_INET);
	MUST(write(p.c, "used", 4));
	MUST(read_exact(p.s, buffer, 4));
	int fd = p.c;
	/* The listener stays, so that the number is the lowest that is free. */
	if (how == 0)
		close(p.c);
	else
		syscall(SYS_close, p.c);
	close(p.s);
	return fd;
}

/* A connection in a set on the very number, and back again. */
static void as_set(int fd)
{
	struct epoll_event e, event = {.events = EPOLLIN};
	struct pair p;
	T(epoll_create1(EPOLL_CLOEXEC) == fd);
	p = pair_open(AF_INET);
	T(read(fd, buffer, 10));
	MUST(epoll_ctl(fd, EPOLL_CTL_ADD, p.s, &event));
	T(epoll_wait(fd, &e, 1, 0));
	MUST(write(p.c, "news", 4));
	T(epoll_wait(fd, &e, 1, -1));
	say_poll("set", fd, POLLIN, 0);
	T(read(p.s, buffer, 10));
	T(epoll_wait(fd, &e, 1, 0));
	T(close(fd));
	pair_close(&p);
}

static void as_timer(int fd)
{
	struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
	uint64_t count = 0;
	T(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) == fd);
	T(recv(fd, &count, sizeof(count), MSG_DONTWAIT));
	say_poll("timer", fd, POLLIN, 0);
	T(timerfd_settime(fd, 0, &soon, NULL));
	T(read(fd, &count, sizeof(count)));
	say("%d", (int)count);
	T(close(fd));
}

static void as_inotify(int fd)
{
	char folder[] = "/tmp/conformance.XXXXXX", path[64];
	union {
		struct inotify_event event;
		char space[sizeof(struct inotify_event) + 256];
	} e;
	int there = 0;
	if (!mkdtemp(folder))
		trace_die("mkdtemp");
	snprintf(path, sizeof(path), "%s/new", folder);
	T(inotify_init1(IN_NONBLOCK) == fd);
	T(read(fd, &e, sizeof(e)));
	T(inotify_add_watch(fd, folder, IN_CREATE) > 0);
	close((int)MUST(open(path, O_CREAT | O_WRONLY, 0600)));
	T(ioctl(fd, FIONREAD, &there));
	say("%d", there == (int)sizeof(e.event) + 16);
	T(read(fd, &e, sizeof(e)) > 0);
	say("%s", e.event.name);
	T(close(fd));
	unlink(path);
	rmdir(folder);
}

static void as_signals(int fd)
{
	struct signalfd_siginfo info;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	T(signalfd(-1, &set, SFD_NONBLOCK) == fd);
	T(read(fd, &info, sizeof(info)));
	raise(SIGUSR1);
	T(read(fd, &info, sizeof(info)) == sizeof(info));
	say("%d", info.ssi_signo == SIGUSR1);
	T(close(fd));
}

static void as_memory(int fd)
{
	struct iovec iov[2] = {{buffer, 2}, {buffer + 2, 2}};
	T(memfd_create("reused", MFD_CLOEXEC) == fd);
	T(write(fd, "memory", 6));
	T(pread(fd, buffer, 6, 0));
	T(lseek(fd, 0, SEEK_SET));
	T(readv(fd, iov, 2));
	T(ftruncate(fd, 1));
	T(close(fd));
}

/* What accept and dup give is the lowest free number as well. */
static void as_accepted(int fd, int other)
{
	int l = listen_on(AF_INET, 8);
	say("the listener has it: %d", l == fd);
	int c = connect_to(l);
	MUST(dup2(other, fd));
	T(read(fd, buffer, 4));
	T(close(fd));
	int s = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0));
	say("a datagram socket has it: %d", s == fd);
	T(close(s));
	T(dup(other) == fd);
	T(read(fd, buffer, 4));
	T(close(fd));
	T(close(c));
}

int main(void)
{
	watchdog_start();
	for (int how = 0; how < 2; how++) {
		int fd, pipes[2], sv[2];
		uint64_t count = 7;

		step(how ? "closed by syscall" : "closed by close");
		fd = closed_number(how);
		T(open("/dev/zero", O_RDWR) == fd);
		T(read(fd, buffer, 10));
		T(write(fd, "lost", 4));
		T(send(fd, "x", 1, 0));

		fd = closed_number(how);
		MUST(pipe(pipes));
		say("pipe %d", pipes[0] == fd);
		T(write(pipes[1], "pipe", 4));
		T(read(fd, buffer, 10));
		T(recv(fd, buffer, 1, 0));

		fd = closed_number(how);
		T(eventfd(0, EFD_NONBLOCK) == fd);
		T(write(fd, &count, sizeof(count)));
		count = 0;
		T(read(fd, &count, sizeof(count)));
		say("%d", (int)count);

		fd = closed_number(how);
		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
		say("socketpair %d", sv[0] == fd);
		T(send(sv[1], "unix", 4, 0));
		T(recv(fd, buffer, 10, 0));

		as_set(closed_number(how));
		as_timer(closed_number(how));
		as_inotify(closed_number(how));
		as_signals(closed_number(how));
		as_memory(closed_number(how));
		int zero = (int)MUST(open("/dev/zero", O_RDWR));
		as_accepted(closed_number(how), zero);

		fd = closed_number(how);
		T(socket(AF_INET, SOCK_DGRAM, 0) == fd);
		T(recv(fd, buffer, 10, MSG_DONTWAIT));

		fd = closed_number(how);
		T(socket(AF_INET, SOCK_STREAM, 0) == fd);
		T(recv(fd, buffer, 10, MSG_DONTWAIT));
		int l = listen_on(AF_INET, 8);
		union address a = address_of(l);
		T(connect(fd, &a.any, address_size(&a)));
		int s = (int)MUST(accept(l, NULL, NULL));
		settle(fd, s);
		T(write(fd, "new life", 8));
		T(read_exact(s, buffer, 8));
	}
	return 0;
}
