/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peer does not read: whoever waits for the process that wrote to it waits for nothing else. */
#include "../trace.h"

static const char *const names[] = {"_exit", "exit", "quick_exit", "exec", "a failed exec"};
enum { WAYS = 5 };
static char big[65536];

/* As much as is taken without waiting. */
static size_t fill_up(int fd)
{
	size_t sent = 0;
	ssize_t n;
	set_nonblocking(fd, true);
	while ((n = write(fd, big, sizeof(big))) > 0 || (n = write(fd, big, 1)) > 0)
		sent += (size_t)n;
	return sent;
}

static void end_by(int way, int fd)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (way == 0)
		_exit(0);
	if (way == 1)
		exit(0);
	if (way == 2)
		quick_exit(0);
	execl(way == 3 ? "/bin/true" : "./script", "true", NULL);
	_exit(0);
}

/* Its end is also that of the pipe, by which some supervisors know it. */
static void write_and_end(const struct pair *p, bool fresh, int way)
{
	int counted[2], ready[2];
	size_t sent = 0, got = 0;
	ssize_t n;
	MUST(pipe(counted));
	MUST(pipe2(ready, O_CLOEXEC));
	pid_t child = fork_watched();
	if (child == 0) {
		close(p->l);
		close(p->s);
		MUST(read(ready[0], big, 1)); /* the parent has let go */
		sent = fill_up(p->c);
		MUST(write(counted[1], &sent, sizeof(sent)));
		end_by(way, p->c);
	}
	close(p->c);
	close(counted[1]);
	MUST(write(ready[1], "", 1));
	MUST(read(counted[0], &sent, sizeof(sent)));
	T(read(counted[0], big, 1));
	close(counted[0]);
	close(ready[0]);
	close(ready[1]);
	say_wait("child", child);
	say("some %d", sent > 1000);
	/* And nobody else is left to wait for. */
	T(waitpid(-1, NULL, 0));
	int s = fresh ? (int)MUST(accept(p->l, NULL, NULL)) : p->s;
	while ((n = read(s, big, sizeof(big))) > 0)
		got += (size_t)n;
	say("%s, then %zd", got == sent ? "all" : "NOT ALL", n);
	close(s);
}

int main(void)
{
	watchdog_start();
	int fd = (int)MUST(open("script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700));
	MUST(write(fd, "no program\n", 11));
	close(fd);
	for (int way = 0; way < WAYS; way++) {
		step(names[way]);
		struct pair p = pair_open(AF_INET);
		write_and_end(&p, false, way);
		close(p.l);
		step("nobody has accepted yet");
		p.l = listen_on(AF_INET, 8);
		p.c = connect_to(p.l);
		p.s = -1;
		write_and_end(&p, true, way);
		close(p.l);
	}
	return 0;
}
