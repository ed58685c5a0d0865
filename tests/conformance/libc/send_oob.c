/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Urgent data, where the connection carries it: SIOCATMARK and MSG_OOB on what is not urgent. */
#include "../trace.h"

int main(void)
{
	char in[16];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	/* Sending MSG_OOB is the one thing TLS cannot carry, and answers EOPNOTSUPP by design. */
	T(write(p.c, "abc", 3));
	wait_readable(p.s);
	int mark = -1;
	T(ioctl(p.s, SIOCATMARK, &mark));
	say("at mark: %d", mark);
	say_poll("s", p.s, POLLIN | POLLPRI, 0);
	T(recv(p.s, in, 1, MSG_OOB));
	T(read(p.s, in, sizeof(in)));
	return 0;
}
