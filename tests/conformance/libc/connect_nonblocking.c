/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A non-blocking connect: EINPROGRESS, writable, SO_ERROR 0, EISCONN; then data both ways. */
#include "../trace.h"

int main(void)
{
	char buffer[16];
	int error = -1;
	socklen_t length = sizeof(error);

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	union address a = address_of(l);
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	step("before connect");
	T(read(c, buffer, 1));
	T(send(c, "x", 1, MSG_NOSIGNAL));
	T(getpeername(c, &(union address){0}.any, &(socklen_t){sizeof(union address)}));
	say_poll("c", c, POLLIN | POLLOUT, 0);

	step("connect");
	T(connect(c, &a.any, address_size(&a)));
	say("%s", events_name((uint32_t)wait_for(c, POLLOUT)));
	T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &length));
	say("SO_ERROR %d, %u bytes", error, length);
	T(connect(c, &a.any, address_size(&a)));
	T(connect(c, &a.any, address_size(&a)));

	step("data");
	T(read(c, buffer, sizeof(buffer)));
	T(write(c, "first", 5));
	int s = (int)MUST(accept4(l, NULL, NULL, SOCK_NONBLOCK));
	T(read_beside(s, c, buffer, 5));
	say_sum("got", buffer, 5);
	T(write(s, "second", 6));
	T(read_beside(c, s, buffer, 6));
	say_sum("got", buffer, 6);
	T(read(c, buffer, sizeof(buffer)));
	say_poll("c", c, POLLIN | POLLOUT, 0);
	return 0;
}
