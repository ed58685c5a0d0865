/* SPDX-License-Identifier: GPL-3.0-or-later */
/* splice to a socket that takes nothing, or not all: what it does not take stays in the pipe. */
#include "../trace.h"

#include <sys/stat.h>

enum { BIG = 1 << 20 };

static unsigned char out[BIG], in[BIG];
static int ends[2];

static void say_left(void)
{
	int left;
	MUST(ioctl(ends[0], FIONREAD, &left));
	say("in the pipe: %d", left);
}

static void under_way(void)
{
	step("the connection is under way");
	int l = listen_on(AF_INET, 0);
	int first = connect_to(l), again = (int)MUST(fcntl(ends[0], F_GETFL));
	union address a = address_of(l);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(connect(c, &a.any, address_size(&a))); /* the queue is full: the peer says nothing */
	T(splice(ends[0], NULL, c, NULL, 8, SPLICE_F_NONBLOCK));
	say_left();
	T(splice(ends[0], NULL, c, NULL, 8, 0));
	say_left();
	say("flags are the same: %d", fcntl(ends[0], F_GETFL) == again);

	step("it is there");
	close((int)MUST(accept(l, NULL, NULL)));
	wait_for(c, POLLOUT);
	int s = (int)MUST(accept(l, NULL, NULL));
	T(splice(ends[0], NULL, c, NULL, 8, SPLICE_F_NONBLOCK));
	say_left();
	T(read_beside(s, c, in, 8));
	say_sum("got", in, 8);
	close(first);
	close(c);
	close(s);
	close(l);
}

static void refused(void)
{
	step("the connection is refused");
	int l = listen_on(AF_INET, 1);
	union address a = address_of(l);
	close(l);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(connect(c, &a.any, address_size(&a)));
	wait_for(c, POLLOUT);
	MUST(write(ends[1], out, 8));
	T(splice(ends[0], NULL, c, NULL, 8, SPLICE_F_NONBLOCK));
	say_left();
	T(splice(ends[0], NULL, c, NULL, 8, SPLICE_F_NONBLOCK));
	say_left();
	close(c);

	step("there is none");
	c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	T(splice(ends[0], NULL, c, NULL, 8, SPLICE_F_NONBLOCK));
	T(splice(ends[0], NULL, c, NULL, 8, 0));
	say_left();
	close(c);
}

static void shut(bool fresh)
{
	step(fresh ? "shut at once" : "shut");
	struct pair p = fresh ? pair_fresh(AF_INET) : pair_open(AF_INET);
	MUST(shutdown(p.c, SHUT_WR));
	T(splice(ends[0], NULL, p.c, NULL, 8, SPLICE_F_NONBLOCK));
	T(splice(ends[0], NULL, p.c, NULL, 8, 0));
	say_left();
	pair_close(&p);
}

static void reset(void)
{
	struct linger none = {.l_onoff = 1};

	step("reset");
	struct pair p = pair_open(AF_INET);
	MUST(setsockopt(p.s, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
	close(p.s);
	wait_for(p.c, 0);
	T(splice(ends[0], NULL, p.c, NULL, 8, 0));
	T(splice(ends[0], NULL, p.c, NULL, 8, SPLICE_F_NONBLOCK));
	say_left();
	close(p.c);
	close(p.l);
	MUST(read(ends[0], in, 8));
}

static void large_blocking(void)
{
	step("1 MiB at once, blocking");
	MUST(fcntl(ends[1], F_SETPIPE_SZ, BIG));
	struct pair p = pair_open(AF_INET);
	MUST(write(ends[1], out, BIG));
	pid_t child = fork_watched();
	if (child == 0) {
		MUST(read_exact(p.s, in, BIG));
		_exit(memcmp(in, out, BIG) ? 1 : 0);
	}
	T(splice(ends[0], NULL, p.c, NULL, BIG, 0));
	say_wait("reader", child);
	pair_close(&p);
}

/* As an event loop does that is told of edges alone; none of the ends has spoken before. */
static void large_edges(void)
{
	struct epoll_event e, c = {.events = EPOLLOUT | EPOLLET, .data.u32 = 0},
	                      s = {.events = EPOLLIN | EPOLLET, .data.u32 = 1};
	size_t put = 0, got = 0;

	step("1 MiB by edges, from the first byte on");
	struct pair p = pair_fresh(AF_INET);
	pair_nonblocking(&p);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.c, &c));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p.s, &s));
	MUST(write(ends[1], out, BIG));
	memset(in, 0, BIG);
	while (got < BIG) {
		ssize_t n = 1;
		MUST(epoll_wait(ep, &e, 1, -1));
		while (e.data.u32 == 0 && put < BIG && n > 0) {
			n = splice(ends[0], NULL, p.c, NULL, BIG - put, SPLICE_F_NONBLOCK);
			put += n > 0 ? (size_t)n : 0;
		}
		while (e.data.u32 == 1 && got < BIG && n > 0) {
			n = read(p.s, in + got, BIG - got);
			got += n > 0 ? (size_t)n : 0;
		}
	}
	say("put %zu, got %zu, %s", put, got, memcmp(in, out, BIG) ? "DIFFERENT" : "equal");
	say_left();
	close(ep);
	pair_close(&p);
}

/* From a pipe with a name; 1 MiB is the most that a pipe may hold (pipe(7)). */
static void named(void)
{
	char name[] = "/tmp/conformance.XXXXXX";

	say("## a named pipe");
	close(ends[0]);
	close(ends[1]);
	close((int)MUST(mkstemp(name)));
	unlink(name);
	MUST(mkfifo(name, 0600));
	ends[0] = (int)MUST(open(name, O_RDWR));
	ends[1] = (int)MUST(open(name, O_WRONLY));
	unlink(name);
}

int main(void)
{
	watchdog_start();
	signal(SIGPIPE, SIG_IGN);
	fill(out, BIG, 0);
	MUST(pipe(ends));
	MUST(write(ends[1], out, 8));
	under_way();
	refused();
	shut(false);
	shut(true);
	reset();
	large_blocking();
	large_edges();
	named();
	large_blocking();
	large_edges();
	return 0;
}
