/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a program may ask of ends that have not spoken: names, options, counts, /proc/self/fd. */
#include "../trace.h"

#include <dirent.h>
#include <sys/stat.h>

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);
	MUST(getsockopt(fd, level, name, &value, &length));
	return value;
}

/* How many numbers up to `last` are open, by what /proc says. */
static int listed(int last)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;
	if (!folder)
		trace_die("opendir");
	for (struct dirent *e; (e = readdir(folder));)
		count += e->d_name[0] != '.' && atoi(e->d_name) <= last;
	closedir(folder);
	return count;
}

static int inode_matches(int fd)
{
	struct stat st, by_name;
	char path[64], link[64] = "", expected[64];
	MUST(fstat(fd, &st));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(stat(path, &by_name));
	MUST(readlink(path, link, sizeof(link) - 1));
	snprintf(expected, sizeof(expected), "socket:[%lu]", (unsigned long)st.st_ino);
	return st.st_ino == by_name.st_ino && !strcmp(link, expected);
}

static void describe(const char *who, int fd, int peer)
{
	union address a, b;
	struct tcp_info info = {0};
	socklen_t length = sizeof(info), size = sizeof(a);
	int there = -1;

	step(who);
	say("type %d, domain %d, protocol %d, error %d", option(fd, SOL_SOCKET, SO_TYPE),
	    option(fd, SOL_SOCKET, SO_DOMAIN), option(fd, SOL_SOCKET, SO_PROTOCOL),
	    option(fd, SOL_SOCKET, SO_ERROR));
	say("TCP_NODELAY %d, TCP_CORK %d, SO_RCVLOWAT %d", option(fd, IPPROTO_TCP, TCP_NODELAY),
	    option(fd, IPPROTO_TCP, TCP_CORK), option(fd, SOL_SOCKET, SO_RCVLOWAT));
	T(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	say("tcp state %d", info.tcpi_state);
	T(getsockname(fd, &a.any, &size));
	T(getpeername(peer, &b.any, &size));
	say("%u bytes, %s", size, memcmp(&a.in, &b.in, sizeof(a.in)) ? "DIFFERENT" : "equal");
	T(ioctl(fd, FIONREAD, &there));
	say("%d", there);
	T(ioctl(fd, SIOCATMARK, &there));
	T((fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_RDWR);
	T(fcntl(fd, F_GETFD));
	say("/proc: %s", inode_matches(fd) ? "itself" : "ANOTHER");
}

int main(void)
{
	char byte;

	watchdog_start();
	struct pair p = pair_fresh(AF_INET);
	int last = (int)MUST(dup(p.s));
	describe("connecting end", p.c, p.s);
	describe("accepted end", p.s, p.c);

	step("what is open");
	/* The folder itself may be among them. */
	int count = listed(last);
	T(close(last));
	say("one less: %d", listed(last - 1) == count - 1);
	last = (int)MUST(dup(p.c));
	say("and back: %d", listed(last) == count);
	T(close(last));

	step("it works all the same");
	T(write(p.s, "x", 1));
	T(read_beside(p.c, p.s, &byte, 1));
	describe("connecting end, after a byte", p.c, p.s);
	return 0;
}
