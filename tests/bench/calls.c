/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a call on a descriptor that is not sleeved costs: nanoseconds, one line a call. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 20000, CHUNKS = 60 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* /dev/null answers at once, so that as little as possible of the figure is the kernel's. */
static int null;

static void call_read(void)
{
	char byte;
	if (read(null, &byte, 1) != 0)
		err(1, "read");
}

static void call_write(void)
{
	if (write(null, "x", 1) != 1)
		err(1, "write");
}

static void call_poll(void)
{
	struct pollfd p = { .fd = null, .events = POLLIN };
	if (poll(&p, 1, 0) != 1)
		err(1, "poll");
}

/* A TCP connection that no rule names, with nothing to read. */
static int plain;

static void call_recv(void)
{
	char byte;
	if (recv(plain, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
		err(1, "recv");
}

static void connect_plain(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET};
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socklen_t length = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&here, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&here, &length))
		err(1, "listen");
	plain = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(plain, (struct sockaddr *)&here, length))
		err(1, "connect");
}

/* The quickest of many chunks: whatever else the machine does only ever adds. */
static double measure(void (*call)(void))
{
	double best = 1e18;
	for (int chunk = 0; chunk < CHUNKS; chunk++) {
		double begun = now();
		for (int i = 0; i < CALLS; i++)
			call();
		double took = (now() - begun) / CALLS;
		if (took < best)
			best = took;
	}
	return best;
}

int main(void)
{
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		err(1, "/dev/null");
	printf("read %.2f\n", measure(call_read));
	printf("write %.2f\n", measure(call_write));
	printf("poll %.2f\n", measure(call_poll));
	connect_plain();
	printf("recv %.2f\n", measure(call_recv));
	return 0;
}
