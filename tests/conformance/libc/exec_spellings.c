/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every name of exec, by a thread that is not the first, too: last words arrive, then the end; and
 * a connection on standard streams goes on in the program. */
#include "../processes.h"
#include "../tasks.h"

enum way { EXECVE, EXECV, EXECVP, EXECVPE, EXECL, EXECLP, EXECLE, FEXECVE, EXECVEAT, WAYS };
static const char *const names[] = {"execve", "execv", "execvp", "execvpe", "execl", "execlp",
                                    "execle", "fexecve", "execveat"};
static char *cat[] = {"cat", NULL}, *env[] = {"A=b", NULL};
static char text[100];

static void exec_by(enum way way)
{
	int fd = (int)MUST(open("/bin/cat", O_RDONLY | O_CLOEXEC));
	switch (way) {
	case EXECVE: execve("/bin/cat", cat, environ); break;
	case EXECV: execv("/bin/cat", cat); break;
	case EXECVP: execvp("cat", cat); break;
	case EXECVPE: execvpe("cat", cat, env); break;
	case EXECL: execl("/bin/cat", "cat", (char *)NULL); break;
	case EXECLP: execlp("cat", "cat", (char *)NULL); break;
	case EXECLE: execle("/bin/cat", "cat", (char *)NULL, env); break;
	case FEXECVE: fexecve(fd, cat, environ); break;
	case EXECVEAT: execveat(fd, "", cat, environ, AT_EMPTY_PATH); break;
	case WAYS: break;
	}
	_exit(127);
}

static void in_thread(void *way)
{
	exec_by(*(enum way *)way);
}

static void run(enum way way, bool thread)
{
	struct task t;
	if (!thread)
		exec_by(way);
	task_start(&t, in_thread, &way);
	for (;;)
		pause();
}

static void one(enum way way, bool thread)
{
	struct pair streams = pair_open(AF_INET), other = pair_open(AF_INET);
	say("# %s%s", names[way], thread ? " in a thread" : "");
	pid_t child = fork_watched();
	if (child == 0) {
		close(streams.c);
		close(other.s);
		MUST(read(other.c, text, 1)); /* the parent has let go */
		MUST(write(other.c, "last words", 10));
		dup2(streams.s, STDIN_FILENO);
		dup2(streams.s, STDOUT_FILENO);
		close(streams.s);
		run(way, thread);
	}
	close(other.c);
	close(streams.s);
	MUST(write(other.s, "", 1));
	T(read_exact(other.s, text, 10));
	say("%.10s", text);
	T(read(other.s, text, 1));
	echoes(streams.c, child);
	close(other.s);
	close(other.l);
	close(streams.c);
	close(streams.l);
}

int main(void)
{
	watchdog_start();
	for (enum way way = 0; way < WAYS; way++)
		for (int thread = 0; thread <= 1; thread++)
			one(way, thread);
	return 0;
}
