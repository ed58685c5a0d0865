/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals in blocking reads and writes: EINTR without SA_RESTART, going on with it. */
#include "../trace.h"

static volatile int caught;

static void count(int signal)
{
	(void)signal;
	caught++;
}

/* SIGALRM every `interval` microseconds; 0: no more. */
static void alarms(int flags, int interval)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = flags};
	struct itimerval when = {.it_value.tv_usec = interval, .it_interval.tv_usec = interval};
	sigaction(SIGALRM, &action, NULL);
	caught = 0;
	setitimer(ITIMER_REAL, &when, NULL);
}

static void alarm_soon(int flags)
{
	struct itimerval soon = {.it_value.tv_usec = 30000};
	alarms(flags, 0);
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* A child that writes once the alarm is long over. */
static pid_t write_later(int fd)
{
	pid_t child = fork_watched();
	if (child == 0) {
		poll(NULL, 0, 100);
		_exit(write(fd, "later", 5) == 5 ? 0 : 1);
	}
	return child;
}

int main(void)
{
	static char out[8 << 20], in[65536];
	struct iovec iov = {in, sizeof(in)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	watchdog_start();
	struct pair p = pair_open(AF_INET);

	step("reading, no SA_RESTART");
	alarm_soon(0);
	T(read(p.s, in, sizeof(in)));
	alarm_soon(0);
	T(recvmsg(p.s, &m, 0));
	alarm_soon(0);
	T(recv(p.s, in, 10, MSG_PEEK));
	MUST(write(p.c, "abc", 3));
	wait_readable(p.s);
	alarm_soon(0);
	T(recv(p.s, in, 10, MSG_WAITALL));
	say("caught %d", caught);

	step("reading, SA_RESTART");
	pid_t child = write_later(p.c);
	alarm_soon(SA_RESTART);
	T(read(p.s, in, sizeof(in)));
	say("caught %d", caught);
	say_wait("writer", child);

	step("reading with a time limit: EINTR whatever the flag");
	struct timeval limit = {.tv_sec = 5}, none = {0};
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	alarm_soon(SA_RESTART);
	T(read(p.s, in, sizeof(in)));
	say("caught %d", caught);
	MUST(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)));

	step("writing: what went before the signal is counted");
	fill(out, sizeof(out), 0);
	/* Again and again: the first may come before the write waits, under whatever load. */
	alarms(0, 30000);
	ssize_t n = write(p.c, out, sizeof(out));
	say("%s", n > 0 && n < (ssize_t)sizeof(out) ? "a part" : "NOT A PART");
	size_t taken = n > 0 ? (size_t)n : 0;
	/* The peer's kernel may make some room meanwhile, but not for all of it. */
	while ((n = write(p.c, out + taken, sizeof(out) - taken)) > 0)
		taken += (size_t)n;
	say("then %zd %s", n, strerrorname_np(errno));
	alarms(0, 0);
	child = fork_watched();
	if (child == 0) {
		n = write_all(p.c, out + taken, sizeof(out) - taken);
		_exit(shutdown(p.c, SHUT_WR) == 0 ? 0 : 1);
	}
	close(p.c);
	uint64_t sum = SUM;
	size_t got = 0;
	while ((n = read(p.s, in, sizeof(in))) > 0) {
		sum = sum_add(sum, in, (size_t)n);
		got += (size_t)n;
	}
	say("got %zu, %s", got, sum == sum_add(SUM, out, sizeof(out)) ? "equal" : "DIFFERENT");
	say_wait("writer", child);
	return 0;
}
