/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accepted and closed before a word is said: the connect has succeeded all the same. */
#include "../tasks.h"

#define MANY 200

static void say_error(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);
	T(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %s", error ? strerrorname_np(error) : "0");
}

/* A non-blocking connect to a server that goes at once, looked at before that or after. */
static void connect_and_go(const char *name, int family, bool look_first)
{
	step(name);
	int l = listen_on(family, 8);
	union address a = address_of(l);
	int c = (int)MUST(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	T(connect(c, &a.any, address_size(&a)));
	if (look_first) {
		wait_for(c, POLLOUT);
		say_error(c);
	}
	int s = (int)MUST(accept(l, NULL, NULL));
	close(s);
	say("writable: %d", (wait_for(c, POLLOUT) & POLLOUT) != 0);
	say_error(c);
	say_error(c);
	close(c);
	close(l);
}

static void accept_and_close(void *argument)
{
	for (int i = 0; i < MANY; i++)
		close((int)MUST(accept(*(int *)argument, NULL, NULL)));
}

/* The same at any moment. */
static void connect_beside_closing(void)
{
	struct task t;
	int errors = 0;
	step("while another thread accepts and closes");
	int l = listen_on(AF_INET, MANY);
	union address a = address_of(l);
	task_start(&t, accept_and_close, &l);
	for (int i = 0; i < MANY; i++) {
		int error = 0;
		socklen_t length = sizeof(error);
		int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
		(void)!connect(c, &a.any, address_size(&a));
		wait_for(c, POLLOUT);
		MUST(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &length));
		errors += error != 0;
		close(c);
	}
	task_join(&t);
	close(l);
	say("errors %d", errors);
}

int main(void)
{
	watchdog_start();
	connect_and_go("looked at afterwards", AF_INET, false);
	connect_and_go("looked at before", AF_INET, true);
	connect_and_go("IPv6", AF_INET6, true);
	connect_beside_closing();
	return 0;
}
