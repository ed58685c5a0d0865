/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CFLAGS: -O2 -D_FORTIFY_SOURCE=2 */
/* poll, ppoll, select, pselect: quiet, readable, writable, partly read, ended; several at once. */
#include "../trace.h"

static struct pair p;
static volatile nfds_t one = 1;

static void say_select(const char *what, int result, fd_set *r, fd_set *w, fd_set *e)
{
	say("%s = %d%s%s%s", what, result, r && FD_ISSET(p.s, r) ? " readable" : "",
	    w && FD_ISSET(p.s, w) ? " writable" : "", e && FD_ISSET(p.s, e) ? " exception" : "");
}

/* Asks each of the family about the accepted end. */
static void ask(const char *when)
{
	struct pollfd q[1] = {{.fd = p.s, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI}};
	struct timespec now = {0};
	struct timeval none = {0};
	sigset_t mask;
	fd_set r, w, e;

	step(when);
	sigemptyset(&mask);
	int n = poll(q, one, 0);
	say("poll = %d %s", n, events_name((uint32_t)q[0].revents));
	n = ppoll(q, one, &now, &mask);
	say("ppoll = %d %s", n, events_name((uint32_t)q[0].revents));
	q[0].events = POLLIN;
	n = poll(q, one, 0);
	say("poll for IN = %d %s", n, events_name((uint32_t)q[0].revents));
	q[0].events = 0;
	n = poll(q, one, 0);
	say("poll for nothing = %d %s", n, events_name((uint32_t)q[0].revents));
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	w = e = r;
	n = select(p.s + 1, &r, &w, &e, &none);
	say_select("select", n, &r, &w, &e);
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	n = pselect(p.s + 1, &r, NULL, NULL, &now, &mask);
	say_select("pselect", n, &r, NULL, NULL);
}

int main(void)
{
	char buffer[100];

	watchdog_start();
	p = pair_open(AF_INET);
	ask("quiet");
	MUST(write(p.c, "0123456789", 10));
	wait_readable(p.s);
	ask("readable");
	T(read(p.s, buffer, 4));
	ask("partly read");
	T(read(p.s, buffer, 5));
	ask("one byte left");
	T(read(p.s, buffer, 1));
	ask("drained");

	step("waiting forms see what comes later");
	pid_t child = fork_watched();
	if (child == 0) {
		for (int i = 0; i < 4; i++) {
			MUST(read(p.c, buffer, 1));
			poll(NULL, 0, 10);
			MUST(write(p.c, "x", 1));
		}
		_exit(0);
	}
	fd_set r;
	MUST(write(p.s, "1", 1));
	say_poll("s", p.s, POLLIN, -1);
	T(read(p.s, buffer, sizeof(buffer)));
	MUST(write(p.s, "2", 1));
	T(ppoll(&(struct pollfd){.fd = p.s, .events = POLLIN}, 1, NULL, NULL));
	T(read(p.s, buffer, sizeof(buffer)));
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	MUST(write(p.s, "3", 1));
	T(select(p.s + 1, &r, NULL, NULL, NULL));
	T(read(p.s, buffer, sizeof(buffer)));
	FD_ZERO(&r);
	FD_SET(p.s, &r);
	MUST(write(p.s, "4", 1));
	T(pselect(p.s + 1, &r, NULL, NULL, &(struct timespec){.tv_sec = 60}, NULL));
	T(read(p.s, buffer, sizeof(buffer)));
	say_wait("echo", child);

	step("several at once, holes and strangers among them");
	int pipes[2];
	MUST(pipe(pipes));
	MUST(write(p.s, "to c", 4));
	wait_readable(p.c);
	struct pollfd q[6] = {{.fd = p.s, .events = POLLIN}, {.fd = -1, .events = POLLIN},
	                      {.fd = p.c, .events = POLLIN}, {.fd = pipes[1], .events = POLLOUT},
	                      {.fd = 900, .events = POLLIN}, {.fd = p.l, .events = POLLIN}};
	T(poll(q, 6, 0));
	for (int i = 0; i < 6; i++)
		say("%d: %s", i, events_name((uint32_t)q[i].revents));

	MUST(shutdown(p.c, SHUT_WR));
	wait_readable(p.s);
	ask("the peer has no more to say");
	T(read(p.s, buffer, sizeof(buffer)));
	ask("the end was read");
	MUST(shutdown(p.s, SHUT_WR));
	ask("both have ended");
	return 0;
}
