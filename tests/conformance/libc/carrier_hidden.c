/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a program does with its connections, it has no child that it did not make, and nobody
 * else has its files, its folder or its terminal. */
#include "../rights.h"

#include <ctype.h>

static char text[32];
static volatile int children;

static void child_ended(int signal)
{
	(void)signal;
	children++;
}

static void in_proc(const char *pid, const char *what, char *to, size_t size)
{
	char path[300];
	snprintf(path, sizeof(path), "/proc/%s/%s", pid, what);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, to, size - 1);
	to[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static bool keeps_files(const char *pid)
{
	char path[300], link[300];
	bool keeps = false;
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *folder = opendir(path);
	for (struct dirent *e; folder && (e = readdir(folder));) {
		ssize_t length = readlinkat(dirfd(folder), e->d_name, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		keeps |= strstr(link, "pipe:") || strstr(link, "/kept");
	}
	if (folder)
		closedir(folder);
	return keeps;
}

/* Processes of this program, which the environment tells, but this one. */
static void look_at_others(const char *mark)
{
	static char environment[65536];
	char name[64], own[16], path[300], folder[300];
	DIR *processes = opendir("/proc");
	if (!processes)
		trace_die("opendir");
	snprintf(own, sizeof(own), "%d", (int)getpid());
	for (struct dirent *e; (e = readdir(processes));) {
		if (!isdigit((unsigned char)e->d_name[0]) || !strcmp(e->d_name, own))
			continue;
		in_proc(e->d_name, "environ", environment, sizeof(environment));
		if (!memmem(environment, sizeof(environment), mark, strlen(mark)))
			continue;
		memset(environment, 0, sizeof(environment));
		in_proc(e->d_name, "comm", name, sizeof(name));
		if (strcmp(name, "sleeve-carrier\n") && name[0])
			say("a process called %s", name);
		snprintf(path, sizeof(path), "/proc/%s/cwd", e->d_name);
		ssize_t length = readlink(path, folder, sizeof(folder));
		if (length > 1)
			say("a process in a folder");
		if (length > 0 && getsid(atoi(e->d_name)) == getsid(0))
			say("a process of this session");
		if (keeps_files(e->d_name))
			say("a process with files of the program");
	}
	closedir(processes);
}

/* Everything there is a carrier for. */
static void use(void)
{
	int channel[2], ends[2], fds[RIGHTS];
	struct pair on_input = pair_open(AF_INET), streamed = pair_open(AF_INET),
		    sent = pair_open(AF_INET), quick = pair_fresh(AF_INET);
	int kept = (int)MUST(open("kept", O_RDWR | O_CREAT, 0600));
	MUST(pipe(ends));
	T(dup2(on_input.s, STDIN_FILENO));
	FILE *f = fdopen(streamed.s, "r+");
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
	pass(channel[0], &sent.s, 1);
	T(take(channel[1], fds, 0));
	T(write(quick.c, "quick", 5));
	T(close(quick.c));

	/* Each has spoken, so each is there. */
	T(write(STDIN_FILENO, "input", 5));
	T(read_exact(on_input.c, text, 5));
	T(fputs("stream", f) > 0);
	T(fflush(f));
	T(read_exact(streamed.c, text, 6));
	T(write(fds[0], "sent", 4));
	T(read_exact(sent.c, text, 4));
	T(read_exact(quick.s, text, 5));
	look_at_others(getenv("CARRIER_HIDDEN"));
	T(close(ends[1]));
	T(read(ends[0], text, 1));

	T(read(quick.s, text, 1));
	T(fclose(f));
	T(read(streamed.c, text, 1));
	T(close(on_input.s));
	T(close(STDIN_FILENO));
	T(read(on_input.c, text, 1));
	T(close(sent.s));
	T(close(fds[0]));
	T(read(sent.c, text, 1));
	close(kept);
}

int main(int argc, char **argv)
{
	(void)argc;
	if (!getenv("CARRIER_HIDDEN")) {
		char mark[64];
		snprintf(mark, sizeof(mark), "carrier-hidden-%d", (int)getpid());
		setenv("CARRIER_HIDDEN", mark, 1);
		execv("/proc/self/exe", argv);
		trace_die("execv");
	}
	watchdog_start();
	signal(SIGCHLD, child_ended);
	use();
	T(waitpid(-1, NULL, 0));
	T(waitpid(-1, NULL, __WALL));
	say("%d children have ended", children);
	return 0;
}
