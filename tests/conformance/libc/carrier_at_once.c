/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP_NODELAY set, and TCP_CORK taken away, once the connection is standard input: a second small
 * answer leaves though the first is not acknowledged. */
#include "../trace.h"

enum { ROUNDS = 10 };

static void set(int fd, int name, int value)
{
	MUST(setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value)));
}

/* linux/tcp.h; libc's ends after the first part. */
struct info {
	struct tcp_info known;
	uint64_t rates[2], bytes[2];
	uint32_t segs_out, segs_in, unsent, min_rtt, data_segs_in, data_segs_out;
};

/* Acknowledgements that went out by themselves. */
static unsigned acknowledged(int fd)
{
	struct info info;
	socklen_t length = sizeof(info);
	memset(&info, 0, sizeof(info));
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	return info.segs_out - info.data_segs_out;
}

/* Both answers are here, and the client has acknowledged neither.  A slow machine may have it
 * acknowledge the first before the second is written; not each time. */
static bool at_once(int client, int server)
{
	char byte;
	MUST(write(client, "x", 1));
	MUST(read_exact(server, &byte, 1));
	set(client, TCP_QUICKACK, 0);
	unsigned before = acknowledged(client);
	MUST(write(server, "y", 1));
	MUST(read_exact(client, &byte, 1));
	MUST(write(server, "z", 1));
	wait_readable(client);
	bool unacknowledged = acknowledged(client) == before;
	MUST(read_exact(client, &byte, 1));
	return unacknowledged;
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	set(p.s, TCP_CORK, 1);
	MUST(dup2(p.s, STDIN_FILENO));
	MUST(close(p.s));
	T(setsockopt(STDIN_FILENO, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int)));
	T(setsockopt(STDIN_FILENO, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	bool prompt = false;
	for (int i = 0; i < ROUNDS && !prompt; i++)
		prompt = at_once(p.c, STDIN_FILENO);
	say("the second answer did not wait: %d", prompt);
	MUST(close(STDIN_FILENO));
	MUST(close(p.c));
	return 0;
}
