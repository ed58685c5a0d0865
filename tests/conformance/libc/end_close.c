/* SPDX-License-Identifier: GPL-3.0-or-later */
/* close: quiet is an end, unread data is a reset, SO_LINGER 0 is a reset, SO_LINGER n waits. */
#include "../trace.h"

/* What the end that stays sees. */
static void aftermath(int fd)
{
	char buffer[100];
	short seen = wait_for(fd, POLLRDHUP);
	say("%s", events_name((uint32_t)(seen & (POLLRDHUP | POLLERR | POLLHUP))));
	T(read(fd, buffer, sizeof(buffer)));
	T(read(fd, buffer, sizeof(buffer)));
	T(close(fd));
}

int main(void)
{
	char buffer[100];
	struct linger hard = {.l_onoff = 1, .l_linger = 0}, soft = {.l_onoff = 1, .l_linger = 5};

	watchdog_start();
	for (int turn = 0; turn < 2; turn++) {
		struct pair p = pair_open(AF_INET);
		int stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		say("## %s end closes", turn ? "accepted" : "connecting");

		step("nothing unread");
		T(close(goes));
		aftermath(stays);
		close(p.l);

		step("its last words are read first");
		p = pair_open(AF_INET);
		stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		T(write(goes, "goodbye", 7));
		T(close(goes));
		wait_for(stays, POLLRDHUP);
		T(read(stays, buffer, 3));
		T(read(stays, buffer, sizeof(buffer)));
		T(read(stays, buffer, sizeof(buffer)));
		close(stays);

		step("with data unread");
		p = pair_open(AF_INET);
		stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		T(write(stays, "unread", 6));
		wait_readable(goes);
		T(close(goes));
		aftermath(stays);

		step("with data read in part");
		p = pair_open(AF_INET);
		stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		T(write(stays, "unread", 6));
		wait_readable(goes);
		T(read(goes, buffer, 3));
		T(close(goes));
		aftermath(stays);

		step("with all data read");
		p = pair_open(AF_INET);
		stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		T(write(stays, "unread", 6));
		wait_readable(goes);
		T(read(goes, buffer, 6));
		T(close(goes));
		aftermath(stays);

		step("SO_LINGER 0");
		p = pair_open(AF_INET);
		stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		MUST(setsockopt(goes, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		T(close(goes));
		aftermath(stays);

		step("SO_LINGER 5, nothing to wait for");
		p = pair_open(AF_INET);
		stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		MUST(setsockopt(goes, SOL_SOCKET, SO_LINGER, &soft, sizeof(soft)));
		T(write(goes, "bye", 3));
		T(close(goes));
		T(read_exact(stays, buffer, 3));
		aftermath(stays);

		step("writing to one that is gone");
		p = pair_open(AF_INET);
		stays = turn ? p.c : p.s, goes = turn ? p.s : p.c;
		T(close(goes));
		wait_for(stays, POLLRDHUP);
		T(send(stays, "first", 5, MSG_NOSIGNAL));
		wait_for(stays, 0);
		T(send(stays, "second", 6, MSG_NOSIGNAL));
		T(read(stays, buffer, sizeof(buffer)));
		close(stays);
	}
	return 0;
}
