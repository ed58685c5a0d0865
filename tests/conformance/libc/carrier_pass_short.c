/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control buffers that are too short, or none: what does not fit is closed, and nobody keeps it. */
#include "../rights.h"

enum { SENT = 3 };
static char text[100];

static long receive(int from, struct msghdr *m, bool many, int flags)
{
	struct mmsghdr one = {.msg_hdr = *m};
	if (!many)
		return recvmsg(from, m, flags);
	long got = recvmmsg(from, &one, 1, flags, NULL);
	*m = one.msg_hdr;
	return got;
}

/* room: bytes of control messages. */
static void messages(size_t room, bool many)
{
	int channel[2], fds[RIGHTS];
	struct pair p[SENT];
	struct parcel parcel;
	say("# %zu bytes%s", room, many ? ", recvmmsg" : "");
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
	for (int i = 0; i < SENT; i++) {
		p[i] = pair_open(AF_INET);
		fds[i] = p[i].s;
	}
	pass(channel[0], fds, SENT);
	for (int i = 0; i < SENT; i++)
		T(close(p[i].s));
	int before = open_numbers();
	struct msghdr *m = parcel_for(&parcel, NULL, RIGHTS);
	m->msg_controllen = room;
	T(receive(channel[1], m, many, 0));
	int count = parcel_open(&parcel, fds);
	say("%d%s, %d more are open", count, m->msg_flags & MSG_CTRUNC ? ", truncated" : "",
	    open_numbers() - before);
	for (int i = 0; i < SENT; i++) {
		if (i < count) {
			T(write(fds[i], "word", 4));
			T(read_exact(p[i].c, text, 4));
			T(close(fds[i]));
		}
		T(read(p[i].c, text, 1));
		close(p[i].c);
		close(p[i].l);
	}
	close(channel[0]);
	close(channel[1]);
}

int main(void)
{
	watchdog_start();
	for (int many = 0; many <= 1; many++) {
		messages(0, many);
		messages(CMSG_LEN(0), many);
		messages(CMSG_LEN(sizeof(int)), many);
		messages(CMSG_LEN(2 * sizeof(int)), many);
		messages(CMSG_LEN(SENT * sizeof(int)), many);
	}
	return 0;
}
