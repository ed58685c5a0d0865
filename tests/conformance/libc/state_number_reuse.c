/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A closed socket's number goes to files, pipes, eventfds, new sockets, and is what they are. */
#include "../trace.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>

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
