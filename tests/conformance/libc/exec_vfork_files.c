/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A vfork child has other files on its parent's numbers, and uses them itself before there is
 * another program; the parent's connections do not hear of it. */
#include "../trace.h"

#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static char text[64];

static void still_works(const struct pair *p)
{
	T(write(p->c, "still", 5));
	T(read_exact(p->s, text, 5));
	T(write(p->s, "works", 5));
	T(read_exact(p->c, text, 5));
}

/* What JDK 8 does where it cannot start a program, on number 3. */
static void pipes(const struct pair *p)
{
	int ends[2];
	MUST(pipe2(ends, O_CLOEXEC));
	pid_t child = vfork();
	if (child == 0) {
		close(p->c);
		close(p->s);
		fcntl(ends[0], F_DUPFD, p->s);
		dup2(ends[1], p->c);
		close(ends[0]);
		T(write(p->c, "one", 3));
		say_poll("the pipe", p->s, POLLIN | POLLOUT, 0);
		int there;
		T(ioctl(p->s, FIONREAD, &there));
		say("%d there", there);
		T(read(p->s, text, sizeof(text)));
		struct iovec v = {"two", 3};
		T(writev(p->c, &v, 1));
		v = (struct iovec){text, sizeof(text)};
		T(readv(p->s, &v, 1));
		T(dprintf(p->c, "%s", "three"));
		T(read(p->s, text, sizeof(text)));
		T(send(p->c, "four", 4, 0));
		T(recv(p->s, text, sizeof(text), 0));
		T(shutdown(p->c, SHUT_RDWR));
		int error;
		socklen_t length = sizeof(error);
		T(getsockopt(p->c, SOL_SOCKET, SO_ERROR, &error, &length));
		_exit(3);
	}
	say_wait("child", child);
	T(write(ends[1], "", 1));
	close(ends[0]);
	close(ends[1]);
}

static void sockets(const struct pair *p)
{
	pid_t child = vfork();
	if (child == 0) {
		int two[2], error = 7, set;
		close(p->c);
		close(p->s);
		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, two));
		if (two[0] != p->c)
			dup2(two[0], p->c), close(two[0]);
		if (two[1] != p->s)
			dup2(two[1], p->s);
		socklen_t length = sizeof(error);
		T(send(p->c, "one", 3, 0));
		T(recv(p->s, text, sizeof(text), 0));
		T(sendto(p->c, "four", 4, 0, NULL, 0));
		fd_set in;
		FD_ZERO(&in);
		FD_SET(p->s, &in);
		struct timeval none = {0};
		T(select(p->s + 1, &in, NULL, NULL, &none));
		set = (int)MUST(epoll_create1(0));
		struct epoll_event e = {.events = EPOLLIN};
		T(epoll_ctl(set, EPOLL_CTL_ADD, p->s, &e));
		T(epoll_wait(set, &e, 1, 0));
		T(recvfrom(p->s, text, sizeof(text), 0, NULL, NULL));
		T(getsockopt(p->c, SOL_SOCKET, SO_ERROR, &error, &length));
		T(setsockopt(p->c, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int)));
		T(shutdown(p->c, SHUT_WR));
		T(read(p->s, text, 1));
		_exit(0);
	}
	say_wait("child", child);
}

static void files(const struct pair *p)
{
	char name[] = "/tmp/exec_vfork_files.XXXXXX";
	int file = (int)MUST(mkstemp(name));
	unlink(name);
	pid_t child = vfork();
	if (child == 0) {
		int ends[2];
		dup2(file, p->c);
		MUST(pipe(ends));
		dup2(ends[1], p->s);
		T(write(p->c, "in the file", 11));
		T(lseek(p->c, 3, SEEK_SET));
		T(sendfile(p->s, p->c, NULL, 4));
		T(read(ends[0], text, 4));
		T(splice(p->c, NULL, p->s, NULL, 4, 0));
		T(read(ends[0], text, 4));
		struct stat s;
		T(fstat(p->c, &s));
		say("%d bytes", (int)s.st_size);
		_exit(0);
	}
	say_wait("child", child);
	close(file);
}

/* A connection that has not said anything yet. */
static void fresh(void)
{
	struct pair p = pair_fresh(AF_INET);
	int ends[2];
	MUST(pipe2(ends, O_CLOEXEC));
	pid_t child = vfork();
	if (child == 0) {
		dup2(ends[0], p.c);
		dup2(ends[0], p.s);
		say_poll("nothing", ends[0], POLLIN, 10);
		T(write(ends[1], "one", 3));
		T(read(ends[0], text, sizeof(text)));
		say_poll("nothing", p.s, POLLIN, 10);
		_exit(0);
	}
	say_wait("child", child);
	close(ends[0]);
	close(ends[1]);
	settle(p.c, p.s);
	still_works(&p);
	pair_close(&p);
}

/* A socket that has no connection yet. */
static void unconnected(const struct pair *p)
{
	int fd = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), ends[2];
	union address a = address_of(p->l);
	MUST(pipe2(ends, O_CLOEXEC));
	pid_t child = vfork();
	if (child == 0) {
		dup2(ends[1], fd);
		T(write(fd, "to a pipe", 9));
		T(read(ends[0], text, sizeof(text)));
		dup2(p->l, fd);
		T(listen(fd, 8));
		_exit(0);
	}
	say_wait("child", child);
	int copy = (int)MUST(dup(fd));
	MUST(connect(fd, &a.any, address_size(&a)));
	int other = (int)MUST(accept(p->l, NULL, NULL));
	settle(fd, other);
	T(write(copy, "later", 5));
	T(read_exact(other, text, 5));
	close(fd);
	close(copy);
	close(other);
	close(ends[0]);
	close(ends[1]);
}

/* A connection that another process has as well is standard error, which nobody reads from. */
static void written_only(void)
{
	struct pair p = pair_open(AF_INET);
	int go[2], ends[2], saved = (int)MUST(dup(STDERR_FILENO));
	MUST(pipe2(go, O_CLOEXEC));
	MUST(pipe2(ends, O_CLOEXEC));
	pid_t holder = fork_watched();
	if (holder == 0) {
		close(go[1]);
		MUST(read(go[0], text, 1) == 0);
		_exit(0);
	}
	MUST(dup2(p.s, STDERR_FILENO));
	T(write(STDERR_FILENO, "an error", 8));
	T(read_exact(p.c, text, 8));
	pid_t child = vfork();
	if (child == 0) {
		dup2(ends[0], p.s);
		dup2(p.s, STDIN_FILENO);
		T(write(ends[1], "one", 3));
		T(read(p.s, text, sizeof(text)));
		_exit(0);
	}
	say_wait("child", child);
	T(write(p.c, "from the peer", 13));
	T(read_exact(p.s, text, 13));
	say("%.13s", text);
	MUST(dup2(saved, STDERR_FILENO));
	close(saved);
	close(go[1]);
	say_wait("holder", holder);
	pair_close(&p);
	close(go[0]);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	watchdog_start();
	struct pair p = pair_open(AF_INET);
	step("pipes");
	pipes(&p);
	still_works(&p);
	step("sockets");
	sockets(&p);
	still_works(&p);
	step("files");
	files(&p);
	still_works(&p);
	step("where the parent's connection is fresh");
	fresh();
	step("where the parent has no connection yet");
	unconnected(&p);
	still_works(&p);
	pair_close(&p);
	step("where the parent's goes by standard error");
	written_only();
	return 0;
}
