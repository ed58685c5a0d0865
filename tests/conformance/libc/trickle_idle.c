/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Half a record, half a handshake, and nothing more: whoever waits is at rest, and wakes then. */
#include "../relay.h"

#include <sys/resource.h>

static int ep;

static long cpu_ms(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits 300 ms by one of the family, as an event loop: what is said to be there is read. */
static void rest(int how, int fd, size_t *got)
{
	long before = cpu_ms(), begun = now_ms();
	int woken = 0;
	do {
		struct timeval limit = {.tv_usec = 50000};
		struct epoll_event e;
		char in[50000];
		fd_set r;
		FD_ZERO(&r);
		FD_SET(fd, &r);
		if (how == 0)
			poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 50);
		else if (how == 1)
			select(fd + 1, &r, NULL, NULL, &limit);
		else
			epoll_wait(ep, &e, 1, 50);
		ssize_t n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
		*got += n > 0 ? (size_t)n : 0;
		woken++;
	} while (now_ms() - begun < 300);
	say("%s", cpu_ms() - before < 100 && woken < 50 ? "at rest" : "SPINNING");
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"poll", "select", "epoll", "epoll, edges"};
	static char out[40000];

	relay_main(argc, argv);
	watchdog_start();
	for (int how = 0; how < 4; how++) {
		for (int blocking = 0; blocking < 2; blocking++) {
			size_t got = 0;
			say("## %s, %s", names[how], blocking ? "blocking" : "non-blocking");
			step("the opening is held back");
			int l = listen_on(AF_INET, 8);
			struct relay r = relay_start(RELAY_HOLD, l);
			int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
			MUST(connect(c, &r.address.any, sizeof(r.address.in)));
			int s = (int)MUST(accept(l, NULL, NULL));
			set_nonblocking(c, !blocking);
			ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
			struct epoll_event event = {.events = EPOLLIN | (how == 3 ? EPOLLET : 0)};
			MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &event));
			rest(how, c, &got);
			relay_tell(&r, 'r');
			settle(c, s);

			step("a record is held back");
			relay_tell(&r, 'h');
			MUST(write_all(s, out, sizeof(out)));
			wait_readable(c);
			rest(how, c, &got);
			relay_tell(&r, 'r');
			while (got < sizeof(out))
				rest(how, c, &got);
			say("got %zu", got);
			close(ep);
			close(c);
			close(s);
			close(l);
			relay_stop(&r);
		}
	}
	return 0;
}
