/* SPDX-License-Identifier: GPL-3.0-or-later */
/* splice from the socket into a pipe with little room or none: what fits is moved, no more. */
/* NOT thread: ThreadSanitizer, which does not know splice, keeps signals back until it is over */
#include "../trace.h"

#include <sys/stat.h>

enum { SENT = 60000, PIPE = 65536 };

static unsigned char out[SENT], in[PIPE], filler[PIPE];
static struct pair p;
static int ends[2];
static volatile int caught;

static void send_all(void)
{
	MUST(write_all(p.c, out, SENT));
	wait_arrived(p.c, p.s);
}

/* What was in the pipe before, then what the socket had, moved as the pipe is emptied. */
static void say_moved(ssize_t moved, size_t filled, unsigned flags)
{
	say("some: %d", moved > 0);
	MUST(read_exact(ends[0], in, filled));
	say("before: %s", memcmp(in, filler, filled) ? "DIFFERENT" : "equal");
	ssize_t got = 0;
	while (got < SENT) {
		if (got == moved) {
			ssize_t n = MUST(splice(p.s, NULL, ends[1], NULL, 65536, flags));
			if (n == 0)
				break;
			moved += n;
		}
		got += MUST(read(ends[0], in + got, (size_t)(moved - got)));
	}
	say_sum("moved", in, (size_t)got);
}

static void little_room(const char *name, size_t filled, unsigned flags)
{
	step(name);
	send_all();
	MUST(write_all(ends[1], filler, filled));
	trace_begin("splice");
	say_moved(MUST(splice(p.s, NULL, ends[1], NULL, 65536, flags)), filled, flags);
}

static void both_ways(const char *name, size_t filled)
{
	say("## %s", name);
	little_room("may wait", filled, SPLICE_F_MOVE);
	little_room("SPLICE_F_NONBLOCK", filled, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	set_nonblocking(ends[1], true);
	little_room("O_NONBLOCK", filled, 0);
	set_nonblocking(ends[1], false);
}

static void empty(int signal)
{
	static unsigned char dropped[PIPE];
	caught = signal;
	if (read(ends[0], dropped, sizeof(dropped)) != sizeof(dropped))
		abort();
}

static void note(int signal)
{
	caught = signal;
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	MUST(sigaction(signal, &action, NULL));
	caught = 0;
}

static void no_room(void)
{
	struct itimerval soon = {.it_value.tv_usec = 50000};

	step("full, and nothing to read");
	MUST(write_all(ends[1], filler, PIPE));
	T(splice(p.s, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));

	step("full");
	send_all();
	T(splice(p.s, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	set_nonblocking(ends[1], true);
	T(splice(p.s, NULL, ends[1], NULL, 100, 0));
	set_nonblocking(ends[1], false);

	step("interrupted");
	handle(SIGALRM, note, 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	T(splice(p.s, NULL, ends[1], NULL, 100, 0));
	say("signal %d", caught == SIGALRM);

	step("room comes");
	handle(SIGALRM, empty, SA_RESTART);
	setitimer(ITIMER_REAL, &soon, NULL);
	ssize_t moved = MUST(splice(p.s, NULL, ends[1], NULL, 65536, 0));
	say("signal %d", caught == SIGALRM);
	say_moved(moved, 0, 0);
}

static void no_reader(void)
{
	step("nobody reads the pipe");
	send_all();
	close(ends[0]);
	handle(SIGPIPE, note, SA_RESTART);
	T(splice(p.s, NULL, ends[1], NULL, 100, 0));
	say("signal %d", caught == SIGPIPE);
	caught = 0;
	T(splice(p.s, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	say("signal %d", caught == SIGPIPE);
	T(read_exact(p.s, in, SENT));
	say_sum("the socket still has", in, SENT);
	caught = 0;
	T(splice(p.s, NULL, ends[1], NULL, 100, 0));
	say("signal %d", caught == SIGPIPE);
	close(ends[1]);
}

int main(void)
{
	char name[] = "/tmp/conformance.XXXXXX";

	watchdog_start();
	fill(out, SENT, 0);
	fill(filler, PIPE, 7);
	p = pair_open(AF_INET);

	MUST(pipe(ends));
	both_ways("a pipe, empty", 0);
	both_ways("30,000 bytes in it", 30000);
	both_ways("room for a page", PIPE - 4096);
	no_room();
	no_reader();

	MUST(pipe(ends));
	MUST(fcntl(ends[1], F_SETPIPE_SZ, 4096));
	both_ways("a pipe of a page", 0);
	close(ends[0]);
	close(ends[1]);

	MUST(mkstemp(name));
	unlink(name);
	MUST(mkfifo(name, 0600));
	ends[0] = (int)MUST(open(name, O_RDONLY | O_NONBLOCK));
	ends[1] = (int)MUST(open(name, O_WRONLY));
	unlink(name);
	set_nonblocking(ends[0], false);
	both_ways("a named pipe", 30000);
	return 0;
}
