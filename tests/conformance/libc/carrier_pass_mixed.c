/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections, used and not used yet, and files, in one message and in several at once: to another
 * process, to a program that is not sleeved, and to oneself. */
#include "../rights.h"

enum { FRESH, FILE_BEFORE, USED, AGAIN, PIPE, COUNT };
static char text[100];

/* A question, by poll or epoll, and an answer on each connection; a file says what is in it. */
static bool use(const int *fds)
{
	static const int connections[] = {USED, FRESH};
	struct epoll_event e = {.events = EPOLLIN};
	int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	bool good = true;
	for (int i = 0; i < 2; i++) {
		int fd = fds[connections[i]];
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
		MUST(epoll_wait(ep, &e, 1, -1));
		wait_readable(fd);
		good &= read_exact(fd, text, 8) == 8 && !memcmp(text, "question", 8);
		MUST(write(fds[i == 0 ? AGAIN : FRESH], "answer", 6));
		MUST(epoll_ctl(ep, EPOLL_CTL_DEL, fd, &e));
	}
	close(ep);
	good &= pread(fds[FILE_BEFORE], text, sizeof(text), 0) == 9;
	good &= !memcmp(text, "of a file", 9);
	MUST(write(fds[PIPE], "by pipe", 7));
	for (int i = 0; i < COUNT; i++)
		MUST(close(fds[i]));
	return good;
}

static int take_all(int from, bool several, int *fds)
{
	struct parcel parcels[COUNT];
	struct mmsghdr headers[COUNT];
	int count = 0;
	if (!several)
		return take(from, fds, MSG_CMSG_CLOEXEC);
	for (int i = 0; i < COUNT; i++) {
		parcel_for(&parcels[i], NULL, RIGHTS);
		headers[i] = parcels[i].header;
	}
	MUST(recvmmsg(from, headers, COUNT, 0, NULL));
	for (int i = 0; i < COUNT; i++) {
		parcels[i].header = headers[i];
		count += parcel_open(&parcels[i], fds + count);
	}
	return count;
}

/* What went wrong, as an exit status. */
static int serve(int from, bool several)
{
	int fds[RIGHTS], before = open_numbers();
	if (take_all(from, several, fds) != COUNT)
		return 2;
	if ((int)MUST(fcntl(fds[USED], F_GETFD)) != (several ? 0 : FD_CLOEXEC))
		return 3;
	if (!use(fds))
		return 4;
	return open_numbers() == before ? 0 : 5;
}

static void ask(int fd)
{
	T(write(fd, "question", 8));
	T(read_exact(fd, text, 6));
	say("%.6s", text);
}

static void send_all(int to, const int *fds, bool several)
{
	if (!several) {
		pass(to, fds, COUNT);
		return;
	}
	struct parcel parcels[COUNT];
	struct mmsghdr headers[COUNT];
	for (int i = 0; i < COUNT; i++) {
		parcel_for(&parcels[i], fds + i, 1);
		headers[i] = parcels[i].header;
	}
	T(sendmmsg(to, headers, COUNT, 0));
}

enum receiver { CHILD, BARE };

static void exchange(enum receiver receiver, bool several, char *self)
{
	int channel[2], pipe_ends[2], fds[COUNT];
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel));
	MUST(pipe2(pipe_ends, O_CLOEXEC));
	pid_t child = fork_watched();
	if (child == 0 && receiver == BARE) {
		char *argv[] = {self, several ? "several" : "one", NULL}, *none[] = {NULL};
		dup2(channel[1], STDIN_FILENO);
		execve("/proc/self/exe", argv, none);
		_exit(127);
	}
	if (child == 0) {
		close(channel[0]);
		_exit(serve(channel[1], several));
	}
	close(channel[1]);
	struct pair fresh = pair_fresh(AF_INET), used = pair_open(AF_INET6);
	int before = open_numbers();
	fds[FRESH] = fresh.s;
	fds[USED] = fds[AGAIN] = used.s;
	fds[FILE_BEFORE] = (int)MUST(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	MUST(write(fds[FILE_BEFORE], "of a file", 9));
	fds[PIPE] = pipe_ends[1];
	send_all(channel[0], fds, several);
	/* They are on their way. */
	T(close(fresh.s));
	T(close(used.s));
	T(close(fds[FILE_BEFORE]));
	T(close(pipe_ends[1]));
	ask(used.c);
	ask(fresh.c);
	T(read_exact(pipe_ends[0], text, 8));
	say("%.7s", text);
	T(read(fresh.c, text, 1));
	T(read(used.c, text, 1));
	say_wait("receiver", child);
	say("%d more are open", open_numbers() - before);
	close(fresh.c);
	close(fresh.l);
	close(used.c);
	close(used.l);
	close(pipe_ends[0]);
	close(channel[0]);
}

static void to_oneself(void)
{
	int channel[2], fds[RIGHTS];
	struct pair p = pair_open(AF_INET);
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel));
	int before = open_numbers();
	pass(channel[0], &p.s, 1);
	pass(channel[0], &p.s, 1);
	T(write(p.c, "first", 5));
	T(read_exact(p.s, text, 5));
	T(take(channel[1], fds, 0));
	T(take(channel[1], fds + 1, 0));
	T(close(p.s));
	T(write(fds[0], "one", 3));
	T(read_exact(p.c, text, 3));
	T(close(fds[0]));
	T(write(fds[1], "other", 5));
	T(read_exact(p.c, text, 5));
	T(write(p.c, "last", 4));
	T(read_exact(fds[1], text, 4));
	T(close(fds[1]));
	T(read(p.c, text, 1));
	say("%d more are open", open_numbers() - before);

	step("closed in the message");
	struct pair q = pair_open(AF_INET);
	T(write(q.s, "sent", 4));
	pass(channel[0], &q.s, 1);
	T(close(q.s));
	T(close(channel[0]));
	T(close(channel[1]));
	T(read_exact(q.c, text, 4));
	T(read(q.c, text, 1));
	pair_close(&q);
}

int main(int argc, char **argv)
{
	watchdog_start();
	if (argc == 2)
		return serve(STDIN_FILENO, argv[1][0] == 's');
	step("to a child, one message");
	exchange(CHILD, false, argv[0]);
	step("to a child, several");
	exchange(CHILD, true, argv[0]);
	step("to a program that is not sleeved");
	exchange(BARE, false, argv[0]);
	step("several");
	exchange(BARE, true, argv[0]);
	step("to oneself, twice");
	to_oneself();
	return 0;
}
