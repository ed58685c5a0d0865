/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SIGPIPE kills who asked for nothing else; MSG_NOSIGNAL and SIG_IGN turn it into EPIPE. */
#include "../trace.h"

/* An end whose writes can go nowhere. */
static int broken_end(void)
{
	struct pair p = pair_open(AF_INET);
	MUST(shutdown(p.c, SHUT_WR));
	return p.c;
}

static volatile int caught;

static void count(int signal)
{
	(void)signal;
	caught++;
}

int main(void)
{
	static const char *const names[] = {"write",   "writev",   "send",
	                                    "sendmsg", "sendmmsg", "splice"};
	struct iovec iov = {"x", 1};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int pipes[2];

	watchdog_start();
	MUST(pipe(pipes));
	MUST(write(pipes[1], "x", 1));
	for (int i = 0; i < 6; i++) {
		pid_t child = fork_watched();
		if (child == 0) {
			int fd = broken_end();
			switch (i) {
			case 0:
				write(fd, "x", 1);
				break;
			case 1:
				writev(fd, &iov, 1);
				break;
			case 2:
				send(fd, "x", 1, 0);
				break;
			case 3:
				sendmsg(fd, &m.msg_hdr, 0);
				break;
			case 4:
				sendmmsg(fd, &m, 1, 0);
				break;
			case 5:
				splice(pipes[0], NULL, fd, NULL, 1, 0);
				break;
			}
			_exit(0);
		}
		say_wait(names[i], child);
	}

	step("MSG_NOSIGNAL");
	int fd = broken_end();
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	T(sendmsg(fd, &m.msg_hdr, MSG_NOSIGNAL));
	T(sendmmsg(fd, &m, 1, MSG_NOSIGNAL));

	step("a handler");
	signal(SIGPIPE, count);
	T(write(fd, "x", 1));
	T(send(fd, "x", 1, 0));
	T(send(fd, "x", 1, MSG_NOSIGNAL));
	say("caught %d", caught);

	step("ignored");
	signal(SIGPIPE, SIG_IGN);
	T(write(fd, "x", 1));
	T(writev(fd, &iov, 1));

	step("blocked: it stays pending once");
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	T(write(fd, "x", 1));
	sigpending(&set);
	say("pending %d", sigismember(&set, SIGPIPE));
	return 0;
}
