/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Process 1 of a pid namespace, as in a container: streams on sockets leave it no children, and
 * what it has written before it ends arrives. */
#include "../trace.h"

#include <sched.h>
#include <sys/syscall.h>

enum { STREAMS = 20, SIZE = 300000 };

static struct pair p;
static char data[SIZE], got[SIZE + 1];
static volatile int told;

static void child_ended(int signal)
{
	(void)signal;
	told++;
}

static unsigned children(void)
{
	char path[64], text[4096];
	unsigned count = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%s/children",
	         strrchr(realpath("/proc/thread-self", text), '/') + 1);
	FILE *f = fopen(path, "r");
	while (f && fscanf(f, "%*d") != EOF)
		count++;
	if (f)
		fclose(f);
	return count;
}

static void exchange(void)
{
	struct pair q = pair_open(AF_INET);
	FILE *f = fdopen(q.s, "r+");
	fprintf(f, "hello\n");
	fflush(f);
	MUST(read_exact(q.c, got, 6));
	MUST(shutdown(q.c, SHUT_WR));
	if (fgetc(f) != EOF || fclose(f) || MUST(read(q.c, got, 1)) != 0)
		say("NOT THE END");
	close(q.c);
	close(q.l);
}

static int serves(void)
{
	say("process %d", (int)getpid());
	signal(SIGCHLD, child_ended);
	for (int i = 0; i < STREAMS; i++)
		exchange();
	T(waitpid(-1, NULL, WNOHANG));
	say("told of %d; %s", told, children() < STREAMS / 4 ? "few children" : "MANY CHILDREN");
	return 0;
}

/* The stream is flushed by exit(3). */
static int leaves(void)
{
	FILE *f = fdopen(p.s, "w");
	fwrite(data, 1, SIZE, f);
	return 0;
}

static int leaves_at_once(void)
{
	MUST(dup2(p.s, STDIN_FILENO));
	MUST(write(STDIN_FILENO, data, SIZE));
	_exit(0);
}

static void run(const char *name, int (*body)(void))
{
	step(name);
	p = pair_open(AF_INET);
	pid_t child = (pid_t)MUST(syscall(SYS_clone, (long)(CLONE_NEWPID | SIGCHLD), 0L, 0L, 0L,
	                                  0L));
	if (child == 0)
		exit(body());
	close(p.s);
	memset(got, 0, sizeof(got));
	if (body == serves)
		wait_for(p.c, POLLRDHUP);
	else
		say("%s", read_exact(p.c, got, SIZE) == SIZE && !memcmp(got, data, SIZE)
		                  ? "all has arrived" : "SOMETHING IS LOST");
	T(read(p.c, got, 1));
	say_wait("it", child);
	close(p.c);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	if (getuid() != 0) {
		say("only root makes a pid namespace");
		return 77;
	}
	fill(data, SIZE, 2);
	run("streams come and go", serves);
	run("exit, with a stream open", leaves);
	run("_exit, with a connection as standard input", leaves_at_once);
	return 0;
}
