/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SPLICE_F_NONBLOCK speaks of the pipe: whether the socket waits its own O_NONBLOCK says. */
#include "../trace.h"

static char buffer[65536];
static struct pair p;
static int ends[2];

static void ignore(int signal)
{
	(void)signal;
}

static int left(void)
{
	int bytes;
	MUST(ioctl(ends[0], FIONREAD, &bytes));
	return bytes;
}

static void limit(int fd, int option, int ms)
{
	struct timeval time = {.tv_usec = ms * 1000};
	MUST(setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time)));
}

static void nothing_to_read(void)
{
	struct sigaction action = {.sa_handler = ignore};
	struct itimerval soon = {.it_value.tv_usec = 50000};

	step("nothing to read: interrupted");
	MUST(sigaction(SIGALRM, &action, NULL));
	setitimer(ITIMER_REAL, &soon, NULL);
	T(splice(p.s, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));

	step("SO_RCVTIMEO");
	limit(p.s, SO_RCVTIMEO, 50);
	T(splice(p.s, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	limit(p.s, SO_RCVTIMEO, 0);

	step("something comes");
	pid_t child = fork_watched();
	if (child == 0) {
		poll(NULL, 0, 50);
		_exit(write(p.c, "hello", 5) == 5 ? 0 : 1);
	}
	T(splice(p.s, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	say_wait("writer", child);
	T(read(ends[0], buffer, sizeof(buffer)));

	step("a socket that does not wait");
	set_nonblocking(p.s, true);
	T(splice(p.s, NULL, ends[1], NULL, 100, 0));
	set_nonblocking(p.s, false);
}

/*
 * Until nothing more is taken.  How much fits is the kernel's affair, and splice finds room where
 * send finds none: so here is only seen that there comes an end, and that the pipe keeps the rest.
 */
static size_t fill_socket(const char *how, unsigned flags)
{
	size_t put = 0;
	ssize_t n;
	step(how);
	while ((n = send(p.c, buffer, sizeof(buffer), 0)) > 0)
		put += (size_t)n;
	do {
		MUST(write(ends[1], buffer, (size_t)(5000 - left())));
		trace_call = "splice";
		n = splice(ends[0], NULL, p.c, NULL, 5000, flags);
		put += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	say("%s", strerrorname_np(errno));
	say("in the pipe: %d", left());
	return put;
}

static void no_room(void)
{
	limit(p.c, SO_SNDTIMEO, 50);
	size_t put = fill_socket("no room: SO_SNDTIMEO", SPLICE_F_NONBLOCK);
	limit(p.c, SO_SNDTIMEO, 0);
	set_nonblocking(p.c, true);
	put += fill_socket("a socket that does not wait", 0);
	set_nonblocking(p.c, false);

	step("room comes");
	pid_t child = fork_watched();
	if (child == 0) {
		poll(NULL, 0, 50);
		size_t got = 0;
		while (got < put + 5000) {
			ssize_t n = read(p.s, buffer, sizeof(buffer));
			if (n <= 0)
				break;
			got += (size_t)n;
		}
		_exit(got == put + 5000 ? 0 : 1);
	}
	T(splice(ends[0], NULL, p.c, NULL, 5000, SPLICE_F_NONBLOCK));
	say("in the pipe: %d", left());
	say_wait("reader", child);
}

static void empty_pipe(void)
{
	step("the pipe is empty");
	T(splice(ends[0], NULL, p.c, NULL, 100, SPLICE_F_NONBLOCK));
	set_nonblocking(ends[0], true);
	T(splice(ends[0], NULL, p.c, NULL, 100, 0));

	step("and the socket shut");
	MUST(shutdown(p.c, SHUT_WR));
	T(splice(ends[0], NULL, p.c, NULL, 100, 0));

	step("the pipe has ended");
	close(ends[1]);
	T(splice(ends[0], NULL, p.c, NULL, 100, 0));
	T(splice(ends[0], NULL, p.c, NULL, 100, SPLICE_F_NONBLOCK));
}

int main(void)
{
	watchdog_start();
	p = pair_open(AF_INET);
	MUST(pipe(ends));
	nothing_to_read();
	no_room();
	empty_pipe();
	return 0;
}
