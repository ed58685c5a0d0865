/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Alarms whose handler jumps out of a read, at any moment: nobody hangs, others go on. */
#include "../tasks.h"

#include <setjmp.h>

static sigjmp_buf out;
static volatile sig_atomic_t armed;

static void jump(int signal)
{
	(void)signal;
	if (armed)
		siglongjmp(out, 1);
}

/* Writes without end, in pieces that make the reader work. */
static void write_on(void *argument)
{
	static char bytes[3000];
	while (send(*(int *)argument, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
}

static void every(long microseconds)
{
	struct itimerval timer = {{0, microseconds}, {0, microseconds}};
	setitimer(ITIMER_REAL, &timer, NULL);
}

int main(void)
{
	static char in[5000];
	struct sigaction action = {.sa_handler = jump};
	struct task t;
	volatile int jumps = 0;

	watchdog_start();
	struct pair p = pair_open(AF_INET), other = pair_open(AF_INET);
	sigset_t alarm; /* is the reader's */
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	task_start(&t, write_on, &p.c);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	sigaction(SIGALRM, &action, NULL);
	every(300);
	while (jumps < 2000) {
		if (sigsetjmp(out, 1))
			jumps++;
		armed = 1;
		ssize_t n = read(p.s, in, sizeof(in));
		armed = 0;
		/* It may have hit a moment in which the connection could not be left. */
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
	}
	every(0);
	say("the reader is done");
	pid_t child = fork_watched();
	if (child == 0)
		_exit(0);
	say_wait("child", child);
	shutdown(p.s, SHUT_RDWR);
	close(p.s);
	task_join(&t);
	say("the writer is done");
	T(write(other.c, "other", 5));
	T(read(other.s, in, sizeof(in)));
	return 0;
}
