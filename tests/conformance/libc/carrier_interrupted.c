/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connect on the number of standard output that a signal ends; the connection comes later. */
#include "../trace.h"

static void nothing(int signal)
{
	(void)signal;
}

/* Status 0: as it should be.  What printf writes must reach the other side. */
static void call(const union address *a)
{
	struct sigaction action = {.sa_handler = nothing};
	struct itimerval soon = {.it_value.tv_usec = 100000, .it_interval.tv_usec = 100000};
	close(STDOUT_FILENO);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	bool interrupted = connect(c, &a->any, address_size(a)) < 0 && errno == EINTR;
	memset(&soon, 0, sizeof(soon));
	setitimer(ITIMER_REAL, &soon, NULL);
	if (c != STDOUT_FILENO || !interrupted)
		_exit(1);
	MUST(kill(getppid(), SIGUSR1));
	wait_for(c, POLLOUT);
	printf("from stdio\n");
	_exit(fflush(stdout) ? 2 : 0);
}

int main(void)
{
	sigset_t set;
	int signal;
	char line[11];

	watchdog_start();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);

	/* A backlog of 0 holds one connection; the next SYN is dropped until it is taken. */
	int l = listen_on(AF_INET, 0);
	union address a = address_of(l);
	int first = connect_to(l);
	pid_t child = fork_watched();
	if (child == 0)
		call(&a);
	sigwait(&set, &signal);
	T(close((int)MUST(accept(l, NULL, NULL))));
	T(close(first));
	int s = (int)MUST(accept(l, NULL, NULL));
	T(read_exact(s, line, sizeof(line)));
	say_sum("line", line, sizeof(line));
	say_wait("program", child);
	T(close(s));
	return 0;
}
