/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both ends say their last words at once and shut their halves; each then reads the other's. */
#include "../trace.h"

static char buffer[100];

/* What each end says last, and what is seen of it. */
static void both(const char *name, bool shut, bool closed)
{
	step(name);
	struct pair p = pair_open(AF_INET);
	T(write(p.c, "from c", 6));
	T(write(p.s, "from s", 6));
	if (shut) {
		T(shutdown(p.c, SHUT_WR));
		T(shutdown(p.s, SHUT_WR));
		wait_for(p.c, POLLRDHUP);
		wait_for(p.s, POLLRDHUP);
		say_poll("c", p.c, POLLIN | POLLOUT | POLLRDHUP, 0);
		say_poll("s", p.s, POLLIN | POLLOUT | POLLRDHUP, 0);
	}
	wait_readable(p.c);
	wait_readable(p.s);
	T(send(p.c, "more", 4, MSG_NOSIGNAL));
	T(read(p.c, buffer, 3));
	T(read(p.c, buffer + 3, 3));
	say_sum("c got", buffer, 6);
	if (closed) {
		T(close(p.c));
		T(read_exact(p.s, buffer, 6));
		say_sum("s got", buffer, 6);
		T(read(p.s, buffer, sizeof(buffer)));
		T(close(p.s));
	} else {
		T(read_exact(p.s, buffer, 6));
		say_sum("s got", buffer, 6);
		T(recv(p.s, buffer, sizeof(buffer), MSG_DONTWAIT));
		T(recv(p.c, buffer, sizeof(buffer), MSG_DONTWAIT));
		T(close(p.s));
		T(close(p.c));
	}
	close(p.l);
}

/* Much in flight both ways, and the ends behind it. */
static void much(void)
{
	static char out[100000], in[100000];
	step("much in flight");
	struct pair p = pair_open(AF_INET);
	pid_t child = fork_watched();
	fill(out, sizeof(out), 0);
	int mine = child ? p.c : p.s;
	close(child ? p.s : p.c);
	bool good =
		write_all(mine, out, sizeof(out)) == sizeof(out) && shutdown(mine, SHUT_WR) == 0 &&
		read_exact(mine, in, sizeof(in)) == sizeof(in) && !memcmp(in, out, sizeof(in)) &&
		read(mine, in, 1) == 0 && read(mine, in, 1) == 0 && close(mine) == 0;
	if (child == 0)
		_exit(!good);
	say("%s", good ? "good" : "BAD");
	say_wait("other end", child);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	both("both halves, read and closed", true, false);
	both("both halves, one end closes first", true, true);
	both("no half, one end closes first", false, true);
	much();
	return 0;
}
