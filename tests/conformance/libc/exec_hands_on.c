/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection is handed to another program on a number of its own. */
#include "../trace.h"

#include <sys/mman.h>
#include <sys/stat.h>

enum { NUMBER = 50 };
enum who { SOLE, PARENT_CLOSES };
enum how { FORK, VFORK };
static char text[16];

/* The new image: answers until the end. */
static int serve(void)
{
	while (MUST(read_exact(NUMBER, text, 4)) == 4)
		MUST(write_all(NUMBER, "back", 4));
	return write(NUMBER, "end", 3) != 3;
}

static void start_program(bool bare)
{
	static char *none[] = {NULL};
	char *const argv[] = {"program", "serve", NULL};
	execve("/proc/self/exe", argv, bare ? none : environ);
	_exit(127);
}

static void ask(int fd)
{
	for (int i = 0; i < 2; i++) {
		T(write(fd, "asks", 4));
		T(read_exact(fd, text, 4));
	}
	T(shutdown(fd, SHUT_WR));
	T(read_exact(fd, text, 3));
}

/* The parent lets go before the program starts, or after. */
static void by_child(struct pair p, enum who who, bool bare)
{
	int go[2], started[2];
	MUST(pipe2(go, O_CLOEXEC));
	MUST(pipe2(started, O_CLOEXEC));
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.c);
		close(p.l);
		MUST(dup2(p.s, NUMBER));
		close(p.s);
		if (who == SOLE)
			MUST(read(go[0], text, 1));
		start_program(bare);
	}
	if (who == SOLE) {
		close(p.s);
		MUST(write(go[1], "", 1));
	}
	close(started[1]);
	MUST(read(started[0], text, 1)); /* end of file: it has */
	if (who == PARENT_CLOSES)
		close(p.s);
	close(started[0]);
	close(go[0]);
	close(go[1]);
	ask(p.c);
	T(read(p.c, text, 1));
	say_wait("program", child);
	close(p.c);
	close(p.l);
}

/* As Python's subprocess has its pass_fds, and systemd what it hands on. */
static void by_clearing(struct pair p, enum how how, bool bare)
{
	MUST(dup3(p.s, NUMBER, O_CLOEXEC));
	pid_t child = how == FORK ? fork() : vfork();
	if (child == 0) {
		if (how == FORK)
			fcntl(NUMBER, F_SETFD, 0);
		else
			ioctl(NUMBER, FIONCLEX);
		start_program(bare);
	}
	close(NUMBER);
	ask(p.c);
	say_wait("program", child);
	T(fcntl(p.s, F_GETFD));
	T(write(p.s, "the parent's", 12));
	T(read_exact(p.c, text, 12));
	T(close(p.s));
	T(read(p.c, text, 1));
	close(p.c);
	close(p.l);
}

/* What is only left open comes to no harm, and to no program. */
static void leaked(struct pair p)
{
	MUST(dup2(p.s, NUMBER));
	pid_t child = fork_watched();
	if (child == 0) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	say_wait("program", child);
	T(write(p.c, "to the parent", 13));
	T(read_exact(NUMBER, text, 13));
	T(write(NUMBER, "from it", 7));
	T(read_exact(p.c, text, 7));
	close(NUMBER);
	pair_close(&p);
}

/* Who puts it somewhere else, beside a child that has it, need not become another program. */
static void stays(void)
{
	struct pair p = pair_open(AF_INET);
	int go[2], set = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event e = {.events = EPOLLIN};
	MUST(pipe2(go, O_CLOEXEC));
	pid_t child = fork_watched();
	if (child == 0)
		_exit(read(go[0], text, 1) != 1);
	MUST(epoll_ctl(set, EPOLL_CTL_ADD, p.s, &e));
	MUST(fcntl(p.s, F_SETFD, 0));
	MUST(dup2(p.s, NUMBER));
	MUST(write(p.c, "asks", 4));
	wait_readable(NUMBER);
	T(epoll_wait(set, &e, 1, 1000));
	T(read_exact(NUMBER, text, 4));
	MUST(write(go[1], "", 1));
	say_wait("child", child);
	close(NUMBER);
	close(set);
	close(go[0]);
	close(go[1]);
	pair_close(&p);
}

/* Nothing has changed where there is no other program. */
static void in_vain(void)
{
	struct pair p = pair_open(AF_INET);
	MUST(fcntl(p.s, F_SETFD, 0));
	execl("/dev/null", "null", NULL);
	T(errno == EACCES);
	T(write(p.c, "still", 5));
	T(read_exact(p.s, text, 5));
	int file = memfd_create("no program", MFD_CLOEXEC);
	MUST(write(file, "no program", 10));
	MUST(fchmod(file, 0700));
	char *const argv[] = {"none", NULL};
	T(fexecve(file, argv, environ));
	T(write(p.c, "there", 5));
	T(read_exact(p.s, text, 5));
	T(write(p.s, "both", 4));
	T(read_exact(p.c, text, 4));
	close(file);
	pair_close(&p);
}

int main(int argc, char **argv)
{
	(void)argv;
	watchdog_start();
	if (argc > 1)
		return serve();
	for (int bare = 0; bare <= 1; bare++) {
		say("# to %s", bare ? "a program with an empty environment" : "one like this");
		step("by the only process that has it");
		by_child(pair_fresh(AF_INET), SOLE, bare);
		step("in use");
		by_child(pair_open(AF_INET), SOLE, bare);
		step("while the parent has it");
		by_child(pair_fresh(AF_INET), PARENT_CLOSES, bare);
		step("by clearing FD_CLOEXEC");
		by_clearing(pair_fresh(AF_INET), FORK, bare);
		by_clearing(pair_open(AF_INET), FORK, bare);
		step("the same in a vfork child");
		by_clearing(pair_fresh(AF_INET), VFORK, bare);
		by_clearing(pair_open(AF_INET), VFORK, bare);
	}
	step("a descriptor that leaks");
	leaked(pair_fresh(AF_INET));
	leaked(pair_open(AF_INET));
	step("no other program");
	stays();
	step("no program");
	in_vain();
	return 0;
}
