/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EPOLLOUT while nothing more can be written, from the first byte on: told when there is room. */
#include "../tasks.h"

#include <sys/resource.h>

#define CHUNK 65536

static unsigned char out[CHUNK], in[CHUNK], want[CHUNK];
static int ep, c;
static size_t put;

static long cpu_ms(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* A server that takes no notice until told to; it answers, reads to the end and says how much. */
static pid_t serve(int l, int go)
{
	pid_t pid = fork_watched();
	if (pid)
		return pid;
	char byte;
	size_t got = 0;
	ssize_t n;
	MUST(read(go, &byte, 1));
	int s = (int)MUST(accept(l, NULL, NULL));
	MUST(write(s, "answer", 6));
	while ((n = read(s, in, sizeof(in))) > 0) {
		fill(want, (size_t)n, got);
		if (memcmp(in, want, (size_t)n)) {
			say("DIFFERENT at %zu", got);
			exit(1);
		}
		got += (size_t)n;
	}
	MUST(write(s, &got, sizeof(got)));
	exit(0);
}

/* Writes until EAGAIN, or as much as that. */
static void put_some(size_t most)
{
	while (most) {
		size_t size = most < sizeof(out) ? most : sizeof(out);
		fill(out, size, put);
		ssize_t n = write(c, out, size);
		if (n < 0 && errno != EAGAIN)
			trace_die("write");
		if (n < 0)
			return;
		put += (size_t)n;
		most -= (size_t)n;
	}
}

static void control(int op, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	MUST(epoll_ctl(ep, op, fd, &event));
}

/* Waits, as if for room; how often in vain. */
static int wait_in_vain(uint32_t events, bool again)
{
	struct epoll_event e;
	int woken = 0;
	for (int i = 0; i < 10; i++) {
		if (again)
			control(EPOLL_CTL_MOD, c, events);
		while (epoll_wait(ep, &e, 1, 20) == 1 && woken < 1000) {
			woken++;
			put_some(1);
			if (again)
				control(EPOLL_CTL_MOD, c, events);
		}
	}
	return woken;
}

static void connect_and_fill(int l, uint32_t early)
{
	union address a = address_of(l);
	c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	if (connect(c, &a.any, address_size(&a)) && errno != EINPROGRESS)
		trace_die("connect");
	wait_for(c, POLLOUT);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	if (early)
		control(EPOLL_CTL_ADD, c, early);
	put = 0;
	put_some(SIZE_MAX);
}

/* Another descriptor of the set becomes ready while we wait. */
static void wait_for_another(uint32_t events, bool again)
{
	struct epoll_event e;
	int pipes[2];
	MUST(pipe(pipes));
	control(EPOLL_CTL_ADD, pipes[0], EPOLLIN);
	pid_t pid = fork_watched();
	if (pid == 0) {
		wait_asleep(getppid(), getppid());
		_exit(write(pipes[1], "x", 1) == 1 ? 0 : 1);
	}
	do {
		if (again)
			control(EPOLL_CTL_MOD, c, events);
		MUST(epoll_wait(ep, &e, 1, -1));
	} while (e.data.fd == c);
	say("the other is told: %s", events_name(e.events));
	say_wait("writer", pid);
	close(pipes[0]);
	close(pipes[1]);
}

static void finish(uint32_t events, bool again, pid_t server)
{
	struct epoll_event e;
	size_t end = put + 300000, got = 0;
	while (put < end) {
		if (again)
			control(EPOLL_CTL_MOD, c, events);
		MUST(epoll_wait(ep, &e, 1, -1));
		if (e.events & EPOLLOUT)
			put_some(end - put);
	}
	step("what was asked for is what is told from now on");
	wait_for(c, POLLOUT);
	control(EPOLL_CTL_MOD, c, events);
	bool once = events & (EPOLLONESHOT | EPOLLET);
	for (int i = 0; i < 3; i++) {
		int n = epoll_wait(ep, &e, 1, 0);
		say("%s", n == (i == 0 || !once) ? "as bare" : "NOT as bare");
		if (n > 0 && (e.events & ~(uint32_t)EPOLLIN) != EPOLLOUT)
			say("events %x", e.events);
	}
	MUST(shutdown(c, SHUT_WR));
	MUST(read_exact(c, in, 6));
	MUST(read_exact(c, &got, sizeof(got)));
	say("%.6s, %s", in, got == put ? "all arrived" : "SOME LOST");
	say_wait("server", server);
}

static void one(const char *name, uint32_t events, bool again, bool early)
{
	int go[2], l = listen_on(AF_INET, 8);
	step(name);
	MUST(pipe(go));
	pid_t server = serve(l, go[0]);
	connect_and_fill(l, early ? events : 0);
	if (!early)
		control(EPOLL_CTL_ADD, c, events);
	long before = cpu_ms();
	say("%s", wait_in_vain(events, again) < 20 ? "at rest" : "SPINNING");
	wait_for_another(events, again);
	say("%s", cpu_ms() - before < 150 ? "idle" : "BUSY");
	MUST(write(go[1], "g", 1));
	finish(events, again, server);
	close(c);
	close(l);
	close(ep);
	close(go[0]);
	close(go[1]);
}

/* ---- several threads ------------------------------------------------------------------------- */

static int outer, told;

static void wait_for_room(void *argument)
{
	struct epoll_event e;
	int *set = argument, in_vain = 0;
	MUST(epoll_wait(*set, &e, 1, -1));
	while (*set == outer && epoll_wait(ep, &e, 1, 0) == 0 && ++in_vain < 20)
		MUST(epoll_wait(outer, &e, 1, -1));
	if (in_vain == 20 || e.events != EPOLLOUT)
		say("events %x, woken in vain: %d", e.events, in_vain);
	__atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

/* They wait; another one reads, and with that brings about that there is room. */
static void threads(const char *name, uint32_t events, int *set)
{
	struct task t[2];
	int go[2], l = listen_on(AF_INET, 8), both = !(events & EPOLLONESHOT);
	step(name);
	MUST(pipe(go));
	pid_t server = serve(l, go[0]);
	connect_and_fill(l, 0);
	control(EPOLL_CTL_ADD, c, events);
	outer = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {.events = EPOLLIN};
	MUST(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &event));
	told = 0;
	task_start(&t[0], wait_for_room, set);
	task_start(&t[1], wait_for_room, set);
	task_wait_asleep(&t[0]);
	task_wait_asleep(&t[1]);
	say("asleep");
	MUST(write(go[1], "g", 1));
	MUST(read_exact(c, in, 6));
	trace_call = "waiting for a thread to be told";
	while (__atomic_load_n(&told, __ATOMIC_SEQ_CST) < 1 + both)
		poll(NULL, 0, 1);
	if (!both)
		poll(NULL, 0, 20);
	say("told: %d", __atomic_load_n(&told, __ATOMIC_SEQ_CST));
	if (!both)
		control(EPOLL_CTL_MOD, c, events);
	task_join(&t[0]);
	task_join(&t[1]);
	MUST(shutdown(c, SHUT_WR));
	say_wait("server", server);
	close(c);
	close(l);
	close(outer);
	close(ep);
}

int main(void)
{
	watchdog_start();
	one("level", EPOLLOUT, false, false);
	one("level, with reading", EPOLLIN | EPOLLOUT, false, false);
	one("level, in the set before", EPOLLOUT, false, true);
	one("level, asked for again each time", EPOLLOUT, true, false);
	one("once", EPOLLOUT | EPOLLONESHOT, true, false);
	one("once, in the set before", EPOLLOUT | EPOLLONESHOT, true, true);
	one("edges, asked for again each time", EPOLLOUT | EPOLLET, true, false);
	threads("threads, level", EPOLLOUT, &ep);
	threads("threads, once", EPOLLOUT | EPOLLONESHOT, &ep);
	threads("threads, a set in a set", EPOLLOUT, &outer);
	return 0;
}
