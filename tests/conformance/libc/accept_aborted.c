/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that end before they are accepted: by a reset, by data and FIN, by silence. */
#include "../trace.h"

int main(void)
{
	char buffer[16];
	struct linger hard = {.l_onoff = 1};

	watchdog_start();
	int l = listen_on(AF_INET, 8);

	step("reset before accept");
	int c = connect_to(l);
	MUST(setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	T(close(c));
	int s = (int)MUST(accept(l, NULL, NULL));
	T(read(s, buffer, sizeof(buffer)));
	T(send(s, "x", 1, MSG_NOSIGNAL));
	T(close(s));

	step("the next one works");
	c = connect_to(l);
	s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "x", 1));
	T(read(s, buffer, sizeof(buffer)));
	return 0;
}
