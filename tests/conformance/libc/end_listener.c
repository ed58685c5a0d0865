/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is closed is closed: nobody listens any more, whatever is still under way. */
#include "../trace.h"

int main(void)
{
	int refused = 0;

	watchdog_start();
	for (int i = 0; i < 50; i++) {
		int l = listen_on(AF_INET, 8);
		union address a = address_of(l);
		int c = connect_to(l);
		MUST(send(c, "xxx", 3, MSG_NOSIGNAL));
		MUST(close(c));
		MUST(close(l));
		c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		refused += connect(c, &a.any, address_size(&a)) == -1 && errno == ECONNREFUSED;
		MUST(close(c));
	}
	say("%d of 50 refused", refused);

	step("the number of a pipe's writers");
	int pipes[2], l = listen_on(AF_INET, 8);
	MUST(pipe(pipes));
	int c = connect_to(l);
	MUST(send(c, "xxx", 3, MSG_NOSIGNAL));
	MUST(close(c));
	MUST(close(pipes[1]));
	T(recv(pipes[0], &(char){0}, 1, 0));
	struct pollfd p = {.fd = pipes[0], .events = POLLIN};
	say("%d", poll(&p, 1, 0) == 1 && p.revents == POLLHUP);
	return 0;
}
