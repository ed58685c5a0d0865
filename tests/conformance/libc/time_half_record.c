/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals and time limits while half of something has come: a read goes on where it was. */
/* NOT thread: ThreadSanitizer keeps signals back until a read is over */
#include "../relay.h"
#include "../tasks.h"

#define SIZE 5000

static const struct relay *relay;
static volatile int caught;
static unsigned char out[SIZE], in[SIZE];

static void count(int signal)
{
	(void)signal;
	caught++;
}

static void signals(int flags, int interval)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = flags};
	struct itimerval when = {.it_value.tv_usec = interval, .it_interval.tv_usec = interval};
	sigaction(SIGALRM, &action, NULL);
	caught = 0;
	setitimer(ITIMER_REAL, &when, NULL);
}

/* The rest comes when the read has been signalled a few times. */
static void release(void *argument)
{
	(void)argument;
	while (caught < 5)
		poll(NULL, 0, 1);
	relay_tell(relay, 'r');
}

/* Starts a thread that takes no signals. */
static void start_deaf(struct task *t)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	task_start(t, release, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Reads until the call has failed three times in a row; says with what. */
static size_t read_part(int fd, int flags)
{
	size_t got = 0;
	int failed = 0, error = 0;
	while (failed < 3) {
		ssize_t n = recv(fd, in + got, SIZE - got, flags);
		if (n == 0)
			break;
		if (n < 0)
			failed++, error = errno;
		else
			failed = 0, got += (size_t)n;
	}
	say("%s, %s", error ? strerrorname_np(error) : "the end", got < SIZE ? "not all" : "ALL");
	return got;
}

static void say_rest(int fd, size_t got, int flags)
{
	while (got < SIZE) {
		ssize_t n = recv(fd, in + got, SIZE - got, flags);
		if (n <= 0) {
			say("%zd %s", n, strerrorname_np(errno));
			break;
		}
		got += (size_t)n;
	}
	say("%s", got == SIZE && !memcmp(in, out, SIZE) ? "all of it" : "WRONG");
}

static void half(int fd, int peer)
{
	memset(in, 0, SIZE);
	relay_tell(relay, 'h');
	MUST(write_all(peer, out, SIZE));
}

/* The kinds of read on one connection whose wire holds the last byte of everything back. */
static void by(const char *name, int fd, int peer, int flags)
{
	struct timeval limit = {.tv_usec = 20000}, none = {0};
	struct task t;
	step(name);
	half(fd, peer);
	signals(0, 10000);
	size_t got = read_part(fd, flags);
	signals(0, 0);
	relay_tell(relay, 'r');
	say_rest(fd, got, flags);

	half(fd, peer);
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	got = read_part(fd, flags);
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)));
	relay_tell(relay, 'r');
	say_rest(fd, got, flags);

	half(fd, peer);
	signals(SA_RESTART, 10000);
	start_deaf(&t);
	say_rest(fd, 0, flags & ~MSG_WAITALL);
	task_join(&t);
	signals(SA_RESTART, 0);
}

/* The first read of the connecting end, which has heard nothing yet, or half of something. */
static void opening(const char *name, int l, int flags)
{
	struct task t;
	char byte;
	step(name);
	struct relay r = relay_start(RELAY_HOLD, l);
	relay = &r;
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(c, &r.address.any, sizeof(r.address.in)));
	pid_t child = fork_watched();
	if (child == 0) {
		int s = (int)MUST(accept(l, NULL, NULL));
		_exit(write_all(s, "1234", 4) != 4 || read_exact(s, &byte, 1) != 1);
	}
	signals(flags, 10000);
	start_deaf(&t);
	ssize_t n = 0, got = 0;
	int interrupted = 0;
	while (got < 4) {
		n = read(c, in + got, (size_t)(4 - got));
		if (n < 0 && errno == EINTR)
			interrupted++;
		else if (n <= 0)
			break;
		else
			got += n;
	}
	task_join(&t);
	signals(flags, 0);
	say("got %zd, %s", got, interrupted ? "interrupted" : "not interrupted");
	T(write(c, "x", 1));
	say_wait("server", child);
	close(c);
	relay_stop(&r);
}

int main(int argc, char **argv)
{
	relay_main(argc, argv);
	watchdog_start();
	fill(out, SIZE, 0);
	int l = listen_on(AF_INET, 8);
	struct relay r = relay_start(RELAY_HOLD, l);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(c, &r.address.any, sizeof(r.address.in)));
	int s = (int)MUST(accept(l, NULL, NULL));
	relay = &r;
	relay_tell(relay, 'r');
	settle(c, s);
	by("half a record, read", c, s, 0);
	by("half a record, MSG_WAITALL", s, c, MSG_WAITALL);
	close(c);
	close(s);
	relay_stop(&r);

	opening("half an opening, EINTR", l, 0);
	opening("half an opening, SA_RESTART", l, SA_RESTART);
	return 0;
}
