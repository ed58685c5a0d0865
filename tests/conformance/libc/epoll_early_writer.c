/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reactor thread writes as soon as a connecting socket in its set is writable: whole words. */
#include "../tasks.h"

#define MANY 100

static volatile bool stop;
static int ep;

static void react(void *argument)
{
	struct epoll_event e;
	(void)argument;
	while (!stop)
		if (epoll_wait(ep, &e, 1, 10) == 1 && (e.events & EPOLLOUT))
			(void)!send(e.data.fd, "word", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int main(void)
{
	struct task t;
	int c[MANY], s[MANY], whole = 0;

	watchdog_start();
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	int l = listen_on(AF_INET, 8);
	union address a = address_of(l);
	task_start(&t, react, NULL);
	for (int i = 0; i < MANY; i++) {
		char buffer[8] = "";
		c[i] = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
		/* A hang-up of the socket that is not connected yet is an edge, too. */
		struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.fd = c[i]};
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c[i], &event));
		if (connect(c[i], &a.any, address_size(&a)) && errno != EINPROGRESS)
			trace_die("connect");
		s[i] = (int)MUST(accept(l, NULL, NULL));
		set_nonblocking(s[i], true);
		while (read(s[i], buffer, sizeof(buffer)) == -1 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = s[i], .events = POLLIN}, 1, 20);
			/* Should the edge have come before the socket was connected. */
			MUST(epoll_ctl(ep, EPOLL_CTL_MOD, c[i], &event));
		}
		whole += !memcmp(buffer, "word", 4);
	}
	stop = true;
	task_join(&t);
	/* Not before: the thread would write to whoever has the number next. */
	for (int i = 0; i < MANY; i++) {
		close(c[i]);
		close(s[i]);
	}
	say("%d of %d whole", whole, MANY);
	return 0;
}
