/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SA_RESTART, and signals while a call waits: for the first byte, for room; none is interrupted. */
/* NOT thread: ThreadSanitizer keeps signals back until a read is over */
#include "../tasks.h"

static volatile int caught;
static volatile bool done;
static struct pair p;

static void count(int signal)
{
	(void)signal;
	caught++;
}

static void alarms(int flags, int interval)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = flags};
	struct itimerval when = {.it_value.tv_usec = interval, .it_interval.tv_usec = interval};
	sigaction(SIGALRM, &action, NULL);
	caught = 0;
	setitimer(ITIMER_REAL, &when, NULL);
}

/* Ends the wait of the main thread once it has been signalled a few times. */
static void await_signals(void)
{
	while (caught < 5 && !done)
		poll(NULL, 0, 1);
}

static void speak(void *argument)
{
	(void)argument;
	await_signals();
	p.s = accept(p.l, NULL, NULL);
	if (write_all(p.s, "first", 5) != 5)
		say("write FAILED");
}

static void drain(void *argument)
{
	static char in[65536];
	(void)argument;
	await_signals();
	while (read(p.s, in, sizeof(in)) > 0)
		;
}

/* Starts a thread that takes no signals. */
static void start_deaf(struct task *t, void (*run)(void *))
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	task_start(t, run, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
	static char big[65536];
	char buffer[16];
	struct task t;

	watchdog_start();
	step("a read that waits for the peer to answer at all, SA_RESTART");
	p.l = listen_on(AF_INET, 8);
	p.c = connect_to(p.l);
	alarms(SA_RESTART, 10000);
	start_deaf(&t, speak);
	T(read(p.c, buffer, sizeof(buffer)));
	alarms(SA_RESTART, 0);
	task_join(&t);
	pair_close(&p);

	step("the same, without");
	p.l = listen_on(AF_INET, 8);
	p.c = connect_to(p.l);
	alarms(0, 10000);
	T(read(p.c, buffer, sizeof(buffer)));
	T(recv(p.c, buffer, sizeof(buffer), MSG_PEEK));
	start_deaf(&t, speak);
	while (read(p.c, buffer, sizeof(buffer)) == -1 && errno == EINTR)
		;
	alarms(0, 0);
	task_join(&t);
	T(write(p.c, "goes on", 7));
	T(read_exact(p.s, buffer, 7));
	pair_close(&p);

	step("a write that waits for room, SA_RESTART");
	p = pair_open(AF_INET);
	set_nonblocking(p.c, true);
	/* Full when not even a byte is taken and nothing moves any more. */
	for (int quiet = 0; quiet < 40; quiet++) {
		while (write(p.c, big, sizeof(big)) > 0 || write(p.c, big, 1) > 0)
			quiet = 0;
		poll(NULL, 0, 10);
	}
	set_nonblocking(p.c, false);
	alarms(SA_RESTART, 10000);
	start_deaf(&t, drain);
	T(write(p.c, big, 5000));
	done = true; /* the peer's kernel may have made room by itself */
	alarms(SA_RESTART, 0);
	T(shutdown(p.c, SHUT_WR));
	task_join(&t);
	return 0;
}
