/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thousand connect and say nothing; the next one is served as if they were not there. */
#include "../trace.h"

#include <sys/resource.h>

#define SILENT 1000

int main(void)
{
	static int silent[2 * SILENT];
	char buffer[16];

	watchdog_start();
	struct rlimit limit;
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < 2200) {
		limit.rlim_cur = limit.rlim_max < 2200 ? limit.rlim_max : 2200;
		MUST(setrlimit(RLIMIT_NOFILE, &limit));
	}
	int l = listen_on(AF_INET, 1024);
	union address a = address_of(l);
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC)), count = 0;
	for (int i = 0; i < SILENT; i++) {
		int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (c < 0)
			break;
		silent[count++] = c;
		if (connect(c, &a.any, address_size(&a)) && errno != EINPROGRESS)
			trace_die("connect");
		int s = accept4(l, NULL, NULL, SOCK_NONBLOCK);
		if (s < 0)
			break;
		struct epoll_event event = {.events = EPOLLIN, .data.fd = s};
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, s, &event));
		silent[count++] = s;
	}
	say("%d silent descriptors", count);

	step("one that speaks");
	int c = connect_to(l);
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "speaks", 6));
	T(read_exact(s, buffer, 6));
	T(write(s, "heard", 5));
	T(read_exact(c, buffer, 5));
	for (int i = 0; i < count; i++)
		close(silent[i]);
	T(write(c, "again", 5));
	T(read_exact(s, buffer, 5));
	return 0;
}
