/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signal handler forks, again and again, while connections open in the program below it. */
/* NOT thread: ThreadSanitizer starts a thread of its own in the child, and blames the handler */
#include "../trace.h"

/* Set again when the handler is done: forks slower than a timer would leave no time for else. */
static const struct itimerval soon = {.it_value.tv_usec = 700};
static volatile int forks, failed;
static volatile bool stop;

static void fork_one(int signal)
{
	int error = errno, status = -1;
	pid_t child = fork();
	(void)signal;
	if (child == 0)
		_exit(0);
	if (child > 0)
		waitpid(child, &status, 0);
	forks++;
	failed += status != 0;
	if (!stop)
		setitimer(ITIMER_REAL, &soon, NULL);
	errno = error;
}

int main(void)
{
	struct sigaction action = {.sa_handler = fork_one, .sa_flags = SA_RESTART};
	char buffer[8];
	int wrong = 0;

	watchdog_start();
	int l = listen_on(AF_INET, 8), silent = connect_to(l);
	union address a = address_of(l);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	for (int i = 0; i < 30 || forks < 300; i++) {
		for (int j = 0; j < 10; j++)
			poll(NULL, 0, 1);
		if (i >= 30)
			continue;
		int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		if (connect(c, &a.any, address_size(&a)) && errno != EINTR)
			trace_die("connect");
		wait_for(c, POLLOUT);
		int s = accept(l, NULL, NULL);
		if (i == 0 && s >= 0) { /* the silent one's */
			close(s);
			s = accept(l, NULL, NULL);
		}
		wrong += write_all(c, "ping", 4) != 4 || read_exact(s, buffer, 4) != 4;
		close(c);
		close(s);
	}
	stop = true;
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	say("%d wrong, %d failed", wrong, failed);
	close(silent);
	return 0;
}
