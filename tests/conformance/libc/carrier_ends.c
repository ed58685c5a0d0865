/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection copied onto standard input: how it ends, either way, and who it says it is. */
#include "../trace.h"

static struct pair pair_on_stdin(const char *name)
{
	step(name);
	struct pair p = pair_open(AF_INET);
	MUST(dup2(p.s, STDIN_FILENO));
	close(p.s);
	p.s = STDIN_FILENO;
	return p;
}

static void done(const struct pair *p)
{
	close(p->c);
	close(p->l);
	MUST(open("/dev/null", O_RDWR) == STDIN_FILENO ? 0 : dup2(open("/dev/null", O_RDWR), 0));
}

int main(void)
{
	char buffer[100];
	static char big[300000], in[300000];

	watchdog_start();
	fill(big, sizeof(big), 0);

	struct pair p = pair_on_stdin("there and back");
	T(write(p.c, "there", 5));
	T(read_exact(p.s, buffer, 5));
	T(write(p.s, "back", 4));
	T(read_exact(p.c, buffer, 4));
	pid_t child = fork_watched();
	if (child == 0)
		_exit(write_all(p.c, big, sizeof(big)) != sizeof(big));
	T(read_exact(p.s, in, sizeof(in)));
	say_sum("in", in, sizeof(in));
	say_wait("writer", child);
	child = fork_watched();
	if (child == 0)
		_exit(write_all(p.s, big, sizeof(big)) != sizeof(big));
	T(read_exact(p.c, in, sizeof(in)));
	say_sum("out", in, sizeof(in));
	say_wait("writer", child);
	done(&p);

	p = pair_on_stdin("the peer ends first");
	T(write(p.c, "last", 4));
	T(shutdown(p.c, SHUT_WR));
	T(read_exact(p.s, buffer, 4));
	T(read(p.s, buffer, 1));
	T(write(p.s, "words", 5));
	T(close(p.s));
	T(read_exact(p.c, buffer, 5));
	T(read(p.c, buffer, 1));
	done(&p);

	p = pair_on_stdin("this side ends first");
	T(write(p.s, "last", 4));
	T(shutdown(p.s, SHUT_WR));
	T(read_exact(p.c, buffer, 4));
	T(read(p.c, buffer, 1));
	T(write(p.c, "words", 5));
	T(close(p.c));
	T(read_exact(p.s, buffer, 5));
	T(read(p.s, buffer, 1));
	T(close(p.s));
	done(&p);

	p = pair_on_stdin("the peer resets");
	struct linger now = {1, 0};
	T(write(p.c, "last", 4));
	T(read_exact(p.s, buffer, 4));
	T(setsockopt(p.c, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	T(close(p.c));
	T(read(p.s, buffer, 1));
	T(close(p.s));
	done(&p);

	p = pair_on_stdin("this side leaves bytes unread");
	T(write(p.c, "never read", 10));
	wait_readable(p.s);
	T(close(p.s));
	wait_for(p.c, POLLIN);
	T(read(p.c, buffer, 1));
	done(&p);

	p = pair_on_stdin("the peer is gone, this side writes");
	T(close(p.c));
	T(read(p.s, buffer, 1));
	wait_for(p.s, POLLRDHUP);
	T(send(p.s, "x", 1, MSG_NOSIGNAL));
	done(&p);

	p = pair_on_stdin("addresses and options");
	struct sockaddr_in a = {0}, b = {0};
	socklen_t size = sizeof(a);
	T(getpeername(p.s, (struct sockaddr *)&a, &size));
	size = sizeof(b);
	T(getsockname(p.c, (struct sockaddr *)&b, &size));
	say("%d, %s", a.sin_family == AF_INET,
	    a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr ? "its peer"
	                                                                      : "ANOTHER");
	size = sizeof(a);
	T(getsockname(p.s, (struct sockaddr *)&a, &size));
	size = sizeof(b);
	T(getpeername(p.c, (struct sockaddr *)&b, &size));
	say("%s", a.sin_port == b.sin_port ? "itself" : "ANOTHER");
	int one = 1;
	T(setsockopt(p.s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	T(setsockopt(p.s, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)));
	T(close(p.s));
	done(&p);
	return 0;
}
