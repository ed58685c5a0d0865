/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: what ThreadSanitizer reports, a close under a poller, is what this is about */
/* close in one thread while another waits in poll or epoll: who waits sees what TCP shows it. */
#include "../tasks.h"

static struct pair p;
static int ep;
static char buffer[16];

static void polls(void *argument)
{
	(void)argument;
	say_poll("s", p.s, POLLIN, -1);
}

static void polls_both(void *argument)
{
	struct pollfd q[2] = {{.fd = p.s, .events = POLLIN}, {.fd = p.l, .events = POLLIN}};
	(void)argument;
	int n = poll(q, 2, -1);
	say("%d %s %s", n, events_name((uint32_t)q[0].revents),
	    events_name((uint32_t)q[1].revents));
}

static void epolls(void *argument)
{
	struct epoll_event e;
	(void)argument;
	int n = epoll_wait(ep, &e, 1, -1);
	say("%d %s", n, n == 1 && e.data.fd == p.l ? "the listener" : "ANOTHER");
}

static void watch(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
}

static void begin_with(uint32_t events, const char *name, struct task *t, void (*run)(void *))
{
	struct epoll_event now;
	step(name);
	p = pair_open(AF_INET);
	ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	watch(p.s, events);
	watch(p.l, EPOLLIN);
	epoll_wait(ep, &now, 1, 0);
	task_start(t, run, NULL);
	task_wait_asleep(t);
}

static void begin(const char *name, struct task *t, void (*run)(void *))
{
	begin_with(EPOLLIN | EPOLLRDHUP, name, t, run);
}

static void end(struct task *t)
{
	task_join(t);
	close(ep);
	close(p.c);
	close(p.l);
}

int main(void)
{
	struct task t;

	watchdog_start();
	begin("a poll, and the peer writes", &t, polls);
	T(close(p.s));
	MUST(write(p.c, "x", 1));
	end(&t);

	begin("a poll of others, too: these go on", &t, polls_both);
	T(close(p.s));
	task_wait_asleep(&t);
	int c = connect_to(p.l);
	end(&t);
	close(c);

	begin("a set: it is not in it any more, and the peer sees the end", &t, epolls);
	T(close(p.s));
	T(read(p.c, buffer, sizeof(buffer)));
	c = connect_to(p.l);
	end(&t);
	close(c);

	begin_with(EPOLLOUT | EPOLLET, "a set that waits for room: a close makes none", &t, epolls);
	T(close(p.s));
	task_wait_asleep(&t);
	c = connect_to(p.l);
	end(&t);
	close(c);

	begin("a set, and the number is used again", &t, epolls);
	T(close(p.s));
	int null = (int)MUST(open("/dev/null", O_RDWR | O_CLOEXEC));
	say("%s", null == p.s ? "the same number" : "ANOTHER NUMBER");
	T(write(null, "x", 1));
	T(read(null, buffer, sizeof(buffer)));
	c = connect_to(p.l);
	end(&t);
	T(close(null));
	close(c);
	return 0;
}
