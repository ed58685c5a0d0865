/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signal-driven input goes on: a signal for every arrival, whatever was left, and for the end. */
#include "../trace.h"

static sigset_t set;
static char buffer[64];

/* The program's way: a signal, then reads until EAGAIN or as much as it likes. */
static void await_signal(int number)
{
	siginfo_t info;
	trace_call = "sigwaitinfo";
	while (sigwaitinfo(&set, &info) != number)
		;
}

/* Those that were there before what is to come. */
static void forget_signals(void)
{
	while (sigtimedwait(&set, NULL, &(struct timespec){0}) > 0)
		;
}

static void arrivals(int number, int s, int c)
{
	forget_signals();
	T(write(c, "first", 5));
	await_signal(number);
	wait_readable(s);
	T(read(s, buffer, 2));
	forget_signals();
	T(write(c, "second", 6));
	await_signal(number);
	T(read_exact(s, buffer, 9));
	T(read(s, buffer, sizeof(buffer)));
	forget_signals();
	T(write(c, "third", 5));
	await_signal(number);
	wait_readable(s);
	T(read(s, buffer, sizeof(buffer)));
	T(read(s, buffer, sizeof(buffer)));
	forget_signals();
}

int main(void)
{
	struct f_owner_ex owner = {.type = F_OWNER_PID}, seen = {0};
	int number = SIGRTMIN + 3;

	watchdog_start();
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, number);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct pair p = pair_open(AF_INET);

	step("SIGIO");
	T(fcntl(p.s, F_SETOWN, getpid()));
	T(fcntl(p.s, F_GETOWN) == getpid());
	T(fcntl(p.s, F_SETFL, O_ASYNC | O_NONBLOCK));
	T(fcntl(p.s, F_GETFL) & (O_ASYNC | O_NONBLOCK));
	arrivals(SIGIO, p.s, p.c);

	step("a signal of the program's choice, to an owner of its choice");
	owner.pid = getpid();
	T(fcntl(p.s, F_SETOWN_EX, &owner));
	T(fcntl(p.s, F_GETOWN_EX, &seen));
	say("%s", seen.pid == getpid() && seen.type == F_OWNER_PID ? "the same" : "ANOTHER");
	T(fcntl(p.s, F_SETSIG, number));
	T(fcntl(p.s, F_GETSIG) == number);
	arrivals(number, p.s, p.c);

	step("FIOASYNC off and on");
	T(ioctl(p.s, FIOASYNC, &(int){0}));
	T(fcntl(p.s, F_GETFL) & O_ASYNC);
	T(write(p.c, "quiet", 5));
	wait_readable(p.s);
	T(sigtimedwait(&set, NULL, &(struct timespec){0}));
	T(read(p.s, buffer, sizeof(buffer)));
	T(ioctl(p.s, FIOASYNC, &(int){1}));
	arrivals(number, p.s, p.c);

	step("the end");
	MUST(shutdown(p.c, SHUT_WR));
	await_signal(number);
	wait_for(p.s, POLLRDHUP);
	T(read(p.s, buffer, sizeof(buffer)));
	return 0;
}
