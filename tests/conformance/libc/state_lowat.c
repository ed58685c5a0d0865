/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program's own SO_RCVLOWAT: readiness waits for as many bytes, a blocking read too. */
#include "../trace.h"

int main(void)
{
	char buffer[100];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	T(setsockopt(p.s, SOL_SOCKET, SO_RCVLOWAT, &(int){10}, sizeof(int)));
	MUST(write(p.c, "12345", 5));
	say_poll("s", p.s, POLLIN, 30);
	T(recv(p.s, buffer, sizeof(buffer), MSG_DONTWAIT));
	MUST(write(p.c, "12345", 5));
	MUST(write(p.c, "67890", 5));
	say_poll("s", p.s, POLLIN, -1);
	T(read(p.s, buffer, sizeof(buffer)));
	int value = -1;
	socklen_t length = sizeof(value);
	T(getsockopt(p.s, SOL_SOCKET, SO_RCVLOWAT, &value, &length));
	say("%d", value);
	return 0;
}
