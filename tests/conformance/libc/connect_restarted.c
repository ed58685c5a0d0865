/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connect that waits for room in the backlog under signals with SA_RESTART is not interrupted. */
/* NOT thread: ThreadSanitizer keeps signals back until a connect is over */
#include "../tasks.h"

static int l, first;
static volatile int caught;

static void count(int signal)
{
	(void)signal;
	caught++;
}

/* Once the connect has been signalled a few times there is room for it. */
static void make_room(void *argument)
{
	(void)argument;
	while (caught < 5)
		poll(NULL, 0, 1);
	close((int)MUST(accept(l, NULL, NULL)));
	close(first);
}

int main(void)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
	struct itimerval often = {.it_value.tv_usec = 10000, .it_interval.tv_usec = 10000};
	struct task t;
	sigset_t set;

	watchdog_start();
	/* A backlog of 0 holds one connection; the next SYN is dropped until it is taken. */
	l = listen_on(AF_INET, 0);
	union address a = address_of(l);
	first = connect_to(l);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaction(SIGALRM, &action, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	task_start(&t, make_room, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(connect(c, &a.any, address_size(&a)));
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	task_join(&t);
	say("%s", caught >= 5 ? "signals came" : "NO SIGNAL CAME");
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "x", 1));
	T(read(s, &(char){0}, 1));
	return 0;
}
