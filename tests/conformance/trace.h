/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the conformance programs share: a trace of results, a watchdog, sockets to oneself. */
#ifndef CONFORMANCE_TRACE_H
#define CONFORMANCE_TRACE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * A program prints what it saw, one line a call, and nothing that two runs may see differently:
 * no descriptor numbers, ports, process ids or times.  tests/conformance/run compares the output
 * of a bare run with those under the shim, so a line may hold only what TCP on loopback promises.
 * Where a thread or a child prints, the program makes it wait its turn.
 *
 *	T(read(s, buffer, 10));		prints  read(s, buffer, 10) = 10
 *	T(read(s, buffer, 10));		prints  read(s, buffer, 10) = -1 EAGAIN
 *
 * T() gives the result back.  It also reports a call that succeeds and yet changes errno.
 */
#define T(call) \
	({ \
		trace_begin(#call); \
		long trace_result_ = (long)(call); \
		trace_end(#call, trace_result_); \
		trace_result_; \
	})

/* A call that must work for the test to mean anything; not part of the trace. */
#define MUST(call) \
	({ \
		trace_begin(#call); \
		long must_result_ = (long)(call); \
		if (must_result_ == -1) \
			trace_die(#call); \
		must_result_; \
	})

#define HELPER static __attribute__((unused))

static const char *volatile trace_step = "start";
static const char *volatile trace_call = "";

/* One write(2) a line, so that lines of several processes never mix. */
HELPER __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	char line[1024];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		abort();
}

HELPER void step(const char *name)
{
	trace_step = name;
	say("# %s", name);
}

HELPER void trace_begin(const char *call)
{
	trace_call = call;
	errno = ENOTUNIQ;
}

HELPER void trace_end(const char *call, long result)
{
	int error = errno;
	if (result == -1)
		say("%s = -1 %s", call, strerrorname_np(error));
	else if (error != ENOTUNIQ)
		say("%s = %ld, errno became %s", call, result, strerrorname_np(error));
	else
		say("%s = %ld", call, result);
}

HELPER __attribute__((noreturn)) void trace_die(const char *call)
{
	say("BROKEN at %s: %s = -1 %s", trace_step, call, strerrorname_np(errno));
	exit(99);
}

/* ---- watchdog: every case under one, in every process --------------------------------------- */

HELPER void watchdog_bark(int signal)
{
	(void)signal;
	say("HANG at %s: %s", trace_step, trace_call);
	kill(getpid(), SIGKILL); /* _exit may wait for what hangs */
}

/* Call first in main(), and first in a child: timers are not inherited. */
HELPER void watchdog_start(void)
{
	const char *text = getenv("TRACE_WATCHDOG");
	struct itimerspec when = {.it_value = {.tv_sec = text ? atoi(text) : 10}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMAX};
	struct sigaction action = {.sa_handler = watchdog_bark, .sa_flags = SA_RESTART};
	timer_t timer;
	sigaction(SIGRTMAX, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &when, NULL))
		trace_die("timer_settime");
}

HELPER pid_t fork_watched(void)
{
	pid_t pid = (pid_t)MUST(fork());
	if (pid == 0)
		watchdog_start();
	return pid;
}

/* Ends the child's story: "exit N" or "signal NAME". */
HELPER void say_wait(const char *who, pid_t pid)
{
	int status = 0;
	trace_call = "waitpid";
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		say("%s: signal %s", who, sigabbrev_np(WTERMSIG(status)));
	else
		say("%s: exit %d", who, WEXITSTATUS(status));
}

/* ---- what a process has used ---------------------------------------------------------------- */

/* Clock ticks of the process so far. */
HELPER long cpu_ticks(pid_t pid)
{
	char path[64], text[512] = "";
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = (int)MUST(open(path, O_RDONLY | O_CLOEXEC));
	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
	       &system);
	return (long)(user + system);
}

/* ---- readiness ------------------------------------------------------------------------------ */

/* "IN|OUT"; the bits of poll and epoll agree for these.  Good until the next call but one. */
HELPER const char *events_name(uint32_t events)
{
	static __thread char texts[2][64];
	static __thread unsigned turn;
	char *text = texts[turn++ % 2];
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{POLLIN, "IN"},   {POLLPRI, "PRI"},   {POLLOUT, "OUT"},    {POLLERR, "ERR"},
	             {POLLHUP, "HUP"}, {POLLNVAL, "NVAL"}, {POLLRDHUP, "RDHUP"}};
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(events & names[i].bit))
			continue;
		if (text[0])
			strcat(text, "|");
		strcat(text, names[i].name);
	}
	return text[0] ? text : "-";
}

/* What poll says right now, or after at most `ms`. */
HELPER void say_poll(const char *who, int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	trace_call = "poll";
	int ready = poll(&p, 1, ms);
	say("poll(%s, %s) = %d %s", who, events_name((uint32_t)events), ready,
	    events_name((uint32_t)p.revents));
}

/* Waits until poll reports one of `events` (or an error); returns the revents, prints nothing. */
HELPER short wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	while (poll(&p, 1, -1) != 1)
		;
	return p.revents;
}

HELPER void wait_readable(int fd)
{
	wait_for(fd, POLLIN);
}

HELPER void set_nonblocking(int fd, bool on)
{
	int flags = (int)MUST(fcntl(fd, F_GETFL));
	MUST(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

/* ---- data: a byte tells its place in the stream --------------------------------------------- */

HELPER void fill(void *to, size_t size, size_t from)
{
	unsigned char *p = to;
	for (size_t i = 0; i < size; i++, from++)
		p[i] = (unsigned char)(from ^ (from >> 8) * 7 ^ (from >> 16) * 13);
}

/* FNV-1a, to be carried on from piece to piece; starts with SUM. */
#define SUM 0xcbf29ce484222325u
HELPER uint64_t sum_add(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ p[i]) * 0x100000001b3u;
	return sum;
}

HELPER void say_sum(const char *what, const void *data, size_t size)
{
	say("%s: %zu bytes, sum %016llx", what, size, (unsigned long long)sum_add(SUM, data, size));
}

/*
 * Reads until `size` bytes are there or the stream ends; waits as a real program would.  This and
 * the next keep errno unless they fail.
 */
HELPER ssize_t read_exact(int fd, void *to, size_t size)
{
	int error = errno;
	size_t done = 0;
	while (done < size) {
		ssize_t n = read(fd, (char *)to + done, size - done);
		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			wait_readable(fd);
		else if (errno != EINTR)
			return -1;
	}
	errno = error;
	return (ssize_t)done;
}

HELPER ssize_t write_all(int fd, const void *from, size_t size)
{
	int error = errno;
	size_t done = 0;
	while (done < size) {
		ssize_t n = write(fd, (const char *)from + done, size - done);
		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			wait_for(fd, POLLOUT);
		else if (errno != EINTR)
			return -1;
	}
	errno = error;
	return (ssize_t)done;
}

/*
 * Moves `size` patterned bytes from one non-blocking socket to the other within one thread.
 * `put` and `get` are any spelling of write and read; get() is offered at most `piece` bytes.
 * Prints the total and the sum; stops, and says so, at an end or an error.
 */
typedef ssize_t put_call(int fd, const void *from, size_t size);
typedef ssize_t get_call(int fd, void *to, size_t size);

HELPER void pump(const char *what, int from, put_call *put, int to, get_call *get, size_t size,
                 size_t piece)
{
	unsigned char *out = malloc(size + 1), *in = malloc(size + 1);
	size_t sent = 0, got = 0;
	fill(out, size, 0);
	trace_call = what;
	while (got < size) {
		struct pollfd p[2] = {{.fd = to, .events = POLLIN},
		                      {.fd = sent < size ? from : -1, .events = POLLOUT}};
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents) {
			ssize_t n = put(from, out + sent, size - sent);
			if (n > 0)
				sent += (size_t)n;
			else if (errno != EAGAIN)
				break;
		}
		if (p[0].revents) {
			size_t room = size - got < piece ? size - got : piece;
			ssize_t n = get(to, in + got, room);
			if (n > 0)
				got += (size_t)n;
			else if (n == 0 || errno != EAGAIN)
				break;
		}
	}
	if (got < size)
		say("%s: stopped at %zu of %zu with %s", what, got, size, strerrorname_np(errno));
	say("%s: sent %zu, got %zu, %s", what, sent, got,
	    memcmp(in, out, got) ? "DIFFERENT" : "equal");
	free(out);
	free(in);
}

HELPER ssize_t put_write(int fd, const void *from, size_t size)
{
	return write(fd, from, size);
}

HELPER ssize_t get_read(int fd, void *to, size_t size)
{
	return read(fd, to, size);
}

/* ---- sockets to oneself --------------------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

HELPER socklen_t address_size(const union address *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

HELPER union address loopback(int family)
{
	union address a;
	memset(&a, 0, sizeof(a));
	a.any.sa_family = (sa_family_t)family;
	if (family == AF_INET6)
		a.in6.sin6_addr = in6addr_loopback;
	else
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

/* Listens on a free port of 127.0.0.1 or ::1. */
HELPER int listen_on(int family, int backlog)
{
	union address a = loopback(family);
	int fd = (int)MUST(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(bind(fd, &a.any, address_size(&a)));
	MUST(listen(fd, backlog));
	return fd;
}

/* Where a listening socket is to be reached. */
HELPER union address address_of(int listener)
{
	union address a;
	socklen_t length = sizeof(a);
	MUST(getsockname(listener, &a.any, &length));
	return a;
}

/* A blocking connect. */
HELPER int connect_to(int listener)
{
	union address a = address_of(listener);
	int fd = (int)MUST(socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(connect(fd, &a.any, address_size(&a)));
	return fd;
}

struct pair {
	int l, c, s; /* listening, connecting, accepted */
};

/* Two blocking ends that have not spoken yet. */
HELPER struct pair pair_fresh(int family)
{
	struct pair p;
	p.l = listen_on(family, 8);
	p.c = connect_to(p.l);
	p.s = (int)MUST(accept4(p.l, NULL, NULL, SOCK_CLOEXEC));
	return p;
}

/*
 * One byte each way, so that whatever two ends have to settle first is settled: from then on a
 * byte written to one is there for the other without any call on the first.
 */
HELPER void settle(int a, int b)
{
	int flags_a = (int)MUST(fcntl(a, F_GETFL)), flags_b = (int)MUST(fcntl(b, F_GETFL));
	int ends[2] = {a, b};
	bool sent[2] = {false, false}, got[2] = {false, false};
	set_nonblocking(a, true);
	set_nonblocking(b, true);
	while (!got[0] || !got[1] || !sent[0] || !sent[1]) {
		struct pollfd p[2];
		for (int i = 0; i < 2; i++)
			p[i] = (struct pollfd){
				.fd = ends[i],
				.events = (short)((got[i] ? 0 : POLLIN) | (sent[i] ? 0 : POLLOUT))};
		MUST(poll(p, 2, -1));
		for (int i = 0; i < 2; i++) {
			char byte = 's';
			if (!sent[i] && p[i].revents)
				sent[i] = write(ends[i], &byte, 1) == 1;
			if (!got[i] && p[i].revents) {
				ssize_t n = read(ends[i], &byte, 1);
				if (n == 0 || (n < 0 && errno != EAGAIN))
					trace_die("read while settling");
				got[i] = n == 1;
			}
		}
	}
	MUST(fcntl(a, F_SETFL, flags_a));
	MUST(fcntl(b, F_SETFL, flags_b));
}

/*
 * As read_exact(), for ends that are not settled and live in one thread: like any event loop it
 * has an eye on the other end as well.
 */
HELPER ssize_t read_beside(int fd, int other, void *to, size_t size)
{
	int error = errno;
	size_t done = 0;
	char byte;
	while (done < size) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
		                      {.fd = other, .events = POLLIN}};
		MUST(poll(p, 2, -1));
		if (p[1].revents)
			(void)recv(other, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		ssize_t n = recv(fd, (char *)to + done, size - done, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			return -1;
	}
	errno = error;
	return (ssize_t)done;
}

/*
 * Returns when all that was written to `from` is in the other kernel's buffer: what has been
 * acknowledged is.  TCP_QUICKACK, asked for anew each time, sends an acknowledgement that is due.
 */
HELPER void wait_arrived(int from, int to)
{
	for (int i = 0;; i++) {
		int unacknowledged;
		MUST(setsockopt(to, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int)));
		MUST(ioctl(from, SIOCOUTQ, &unacknowledged));
		if (!unacknowledged)
			return;
		if (i < 100)
			sched_yield();
		else
			poll(NULL, 0, 1);
	}
}

/* Two blocking ends, ready for anything. */
HELPER struct pair pair_open(int family)
{
	struct pair p = pair_fresh(family);
	settle(p.c, p.s);
	return p;
}

HELPER void pair_nonblocking(const struct pair *p)
{
	set_nonblocking(p->c, true);
	set_nonblocking(p->s, true);
}

HELPER void pair_close(const struct pair *p)
{
	close(p->c);
	close(p->s);
	close(p->l);
}

#endif
