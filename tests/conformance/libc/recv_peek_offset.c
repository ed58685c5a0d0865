/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SO_PEEK_OFF, where TCP has it: the connection goes on, whatever a peek shows. */
#include "../trace.h"

int main(void)
{
	char buffer[16];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	(void)setsockopt(p.s, SOL_SOCKET, SO_PEEK_OFF, &(int){2}, sizeof(int));
	MUST(write(p.c, "0123456789", 10));
	wait_readable(p.s);
	T(recv(p.s, buffer, 3, MSG_PEEK));
	T(recv(p.s, buffer, 3, 0));
	say_sum("read", buffer, 3);
	T(recv(p.s, buffer, sizeof(buffer), 0));
	say_sum("read", buffer, 7);
	return 0;
}
