/* SPDX-License-Identifier: GPL-3.0-or-later */
/* While one thread is starting a program, which takes its time, another one sees its connections
 * as they are, forks, and hands one on. */
#include "../trace.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/stat.h>

static char text[16], began[64], goes_on[64];

/* Opens two FIFOs before it is another program, so that we know when, and say when. */
static void *spawn(void *unused)
{
	char *const yes[] = {"true", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, began, O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, goes_on, O_RDONLY, 0);
	if (posix_spawn(&pid, "/bin/true", &actions, NULL, yes, environ) == 0)
		waitpid(pid, NULL, 0);
	posix_spawn_file_actions_destroy(&actions);
	return unused;
}

static pthread_t begin(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, spawn, NULL);
	close((int)MUST(open(began, O_RDONLY)));
	return thread;
}

static void end(pthread_t thread)
{
	close((int)MUST(open(goes_on, O_WRONLY)));
	pthread_join(thread, NULL);
}

/* The new image: answers until the end. */
static int serve(int fd)
{
	while (read_exact(fd, text, 4) == 4)
		write_all(fd, "back", 4);
	return write(fd, "end", 3) != 3;
}

static void hands_on(struct pair p)
{
	int go[2];
	char number[16], *const argv[] = {"program", number, NULL};
	MUST(pipe2(go, O_CLOEXEC));
	pthread_t thread = begin();
	pid_t child = fork_watched();
	if (child == 0) {
		if (fcntl(p.s, F_GETFD) != 0)
			say("CLOSED on exec");
		close(p.c);
		close(p.l);
		MUST(read(go[0], text, 1));
		snprintf(number, sizeof(number), "%d", p.s);
		execve("/proc/self/exe", argv, environ);
		_exit(127);
	}
	close(p.s);
	MUST(write(go[1], "", 1));
	T(write(p.c, "asks", 4));
	T(read_exact(p.c, text, 4));
	T(shutdown(p.c, SHUT_WR));
	T(read_exact(p.c, text, 3));
	say_wait("program", child);
	end(thread);
	close(p.c);
	close(p.l);
	close(go[0]);
	close(go[1]);
}

static void flags(struct pair p)
{
	pthread_t thread = begin();
	T(fcntl(p.s, F_GETFD));
	T(fcntl(p.c, F_SETFD, FD_CLOEXEC));
	end(thread);
	T(fcntl(p.s, F_GETFD));
	T(fcntl(p.c, F_GETFD));
	T(fcntl(p.c, F_SETFD, 0));

	step("a stream");
	thread = begin();
	FILE *stream = fdopen(p.s, "r+");
	T(fcntl(p.s, F_GETFD));
	end(thread);
	T(fcntl(p.s, F_GETFD));
	T(fputs("line\n", stream) > 0 && fflush(stream) == 0);
	T(read_exact(p.c, text, 5));
	fclose(stream);

	step("and the number is another's meanwhile");
	thread = begin();
	union address a = address_of(p.l);
	int number = p.c;
	close(p.c);
	p.c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	say("%s", p.c == number ? "the same" : "ANOTHER");
	MUST(connect(p.c, &a.any, address_size(&a)));
	int other = (int)MUST(accept4(p.l, NULL, NULL, SOCK_CLOEXEC));
	settle(p.c, other);
	end(thread);
	T(fcntl(p.c, F_GETFD));
	T(fcntl(other, F_GETFD));
	close(other);
	close(p.c);
	close(p.l);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/exec_beside_spawn.XXXXXX";
	watchdog_start();
	if (argc > 1)
		return serve(atoi(argv[1]));
	mkdtemp(folder);
	snprintf(began, sizeof(began), "%s/began", folder);
	snprintf(goes_on, sizeof(goes_on), "%s/goes_on", folder);
	MUST(mkfifo(began, 0600));
	MUST(mkfifo(goes_on, 0600));
	for (int turn = 0; turn < 2; turn++) {
		struct pair p = pair_open(AF_INET);
		MUST(fcntl(p.c, F_SETFD, 0));
		MUST(fcntl(p.s, F_SETFD, 0));
		step(turn ? "flags" : "handing on");
		turn ? flags(p) : hands_on(p);
	}
	unlink(began);
	unlink(goes_on);
	rmdir(folder);
	return 0;
}
