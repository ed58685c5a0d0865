/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signal every millisecond, during connect, accept, and megabytes both ways: nothing is lost. */
#include "../trace.h"

#define TOTAL (4 << 20)

static volatile int caught;

static void count(int signal)
{
	(void)signal;
	caught++;
}

static void storm(int flags)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = flags};
	struct itimerval often = {.it_value.tv_usec = 1000, .it_interval.tv_usec = 1000};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

int main(void)
{
	static unsigned char out[TOTAL], in[TOTAL];

	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		int flags = turn ? SA_RESTART : 0, s, c;
		step(turn ? "SA_RESTART" : "EINTR");
		int l = listen_on(AF_INET, 8);
		union address a = address_of(l);
		fill(out, TOTAL, 3);
		pid_t child = fork_watched();
		storm(flags);
		if (child == 0) {
			while ((s = accept(l, NULL, NULL)) == -1 && errno == EINTR)
				;
			for (int round = 0; round < 2; round++)
				if (read_exact(s, in, TOTAL) != TOTAL || memcmp(in, out, TOTAL) ||
				    write_all(s, in, TOTAL) != TOTAL)
					_exit(1);
			_exit(0);
		}
		c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		if (connect(c, &a.any, address_size(&a)) && errno != EINTR)
			trace_die("connect");
		for (int round = 0; round < 2; round++) {
			T(write_all(c, out, TOTAL));
			memset(in, 0, TOTAL);
			T(read_exact(c, in, TOTAL));
			say("%s", memcmp(in, out, TOTAL) ? "DIFFERENT" : "equal");
		}
		ssize_t n;
		while ((n = read(c, in, 1)) == -1 && errno == EINTR)
			;
		setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
		say("then %zd", n);
		say_wait("echo", child);
		say("%s", caught > 0 ? "there was a storm" : "ALL WAS QUIET");
		close(c);
		close(l);
	}
	return 0;
}
