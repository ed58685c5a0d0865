/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signal handler sends on one connection while the program is busy with another: both whole. */
#include "../trace.h"

#define ROUNDS 2000
#define SIZE   4000

static struct pair beat;
static volatile int skipped;
static volatile size_t sent;

/* A heartbeat: send(2) is async-signal-safe. */
static void heartbeat(int signal)
{
	int error = errno;
	char out[100];
	(void)signal;
	fill(out, sizeof(out), 0);
	/* Never so much in flight that one of them could be cut. */
	if (skipped++ % 2 == 0 && send(beat.c, out, sizeof(out), MSG_DONTWAIT) == sizeof(out))
		sent += sizeof(out);
	errno = error;
}

static size_t take_beats(void)
{
	static char in[100000];
	char expected[100];
	size_t got = 0;
	ssize_t n;
	fill(expected, sizeof(expected), 0);
	while ((n = recv(beat.s, in, 100, MSG_DONTWAIT)) > 0) {
		if (n != 100 || memcmp(in, expected, 100))
			say("a beat is DIFFERENT");
		got += (size_t)n;
	}
	return got;
}

int main(void)
{
	struct sigaction action = {.sa_handler = heartbeat, .sa_flags = SA_RESTART};
	struct itimerval often = {.it_value.tv_usec = 200, .it_interval.tv_usec = 200};
	static char out[SIZE], in[SIZE];
	size_t beats = 0;
	int wrong = 0;

	watchdog_start();
	beat = pair_open(AF_INET);
	struct pair p = pair_open(AF_INET);
	fill(out, SIZE, 7);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		wrong += write_all(p.c, out, SIZE) != SIZE;
		wrong += read_exact(p.s, in, SIZE) != SIZE || memcmp(in, out, SIZE);
		beats += take_beats();
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	while (beats < sent) {
		wait_readable(beat.s);
		beats += take_beats();
	}
	say("%d wrong, %s, %s", wrong, beats ? "some beats" : "NO BEAT",
	    beats == sent ? "all there" : "TOO MANY");

	step("in a child");
	pid_t child = fork_watched();
	if (child == 0)
		_exit(write_all(p.c, out, SIZE) != SIZE || read_exact(p.s, in, SIZE) != SIZE);
	say_wait("child", child);
	T(close(p.c));
	T(read(p.s, in, 1));
	T(close(beat.c));
	T(read(beat.s, in, 1));
	return 0;
}
