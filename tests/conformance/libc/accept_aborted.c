/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that end before they are accepted: by a reset, by words and a reset, or an end. */
#include "../trace.h"

static const struct linger hard = {.l_onoff = 1};
static char buffer[16];

/* Says something and goes; the listener may be asked first. */
static void speak_and_go(const char *name, int l, bool reset, bool asked)
{
	step(name);
	int c = connect_to(l);
	T(write(c, "words", 5));
	if (reset)
		MUST(setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	T(close(c));
	if (asked)
		say_poll("l", l, POLLIN, -1);
	int s = (int)MUST(accept(l, NULL, NULL));
	T(read_exact(s, buffer, 5));
	T(read(s, buffer, sizeof(buffer)));
	T(read(s, buffer, sizeof(buffer)));
	T(close(s));
}

int main(void)
{

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

	speak_and_go("words and an end", l, false, false);
	speak_and_go("words and an end, and the listener polled for", l, false, true);
	speak_and_go("words and a reset", l, true, false);

	step("a row of them, and one that stays");
	int stays = -1;
	for (int i = 0; i < 6; i++) {
		int fd = connect_to(l);
		MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		if (i == 3)
			stays = fd;
		else
			close(fd);
	}
	for (int i = 0; i < 6; i++) {
		s = (int)MUST(accept(l, NULL, NULL));
		if (i == 3)
			settle(stays, s);
		else
			T(read(s, buffer, sizeof(buffer)));
		close(s);
	}
	close(stays);

	step("the next one works");
	c = connect_to(l);
	s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "x", 1));
	T(read(s, buffer, sizeof(buffer)));
	return 0;
}
