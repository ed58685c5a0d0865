/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child has the connection as its standard output, and the parent keeps it: who reads what. */
#include "../trace.h"

static char buffer[64];

static pid_t echo_server(int l)
{
	char bytes[64];
	ssize_t n;
	pid_t pid = fork_watched();
	if (pid)
		return pid;
	int s = (int)MUST(accept(l, NULL, NULL));
	close(l);
	while ((n = read(s, bytes, sizeof(bytes))) > 0)
		MUST(write_all(s, bytes, (size_t)n));
	_exit(0);
}

/* As a shell does it: cat >&3 <<END. */
static void writes(const char *name, bool borrowed)
{
	step(name);
	for (int i = 0; i < 5; i++) {
		int l = listen_on(AF_INET, 8);
		pid_t server = echo_server(l);
		int c = connect_to(l);
		MUST(write(c, "before ", 7));
		pid_t pid = borrowed ? vfork() : fork_watched();
		if (pid == 0) {
			if (dup2(c, STDOUT_FILENO) != STDOUT_FILENO)
				_exit(9);
			execlp("echo", "echo", "from the child", NULL);
			_exit(8);
		}
		say_wait("child", pid);
		T(read_exact(c, buffer, 22));
		say("%.22s", buffer);
		T(send(c, "and after", 9, MSG_NOSIGNAL));
		T(read_exact(c, buffer, 9));
		close(c);
		close(l);
		say_wait("server", server);
	}
}

/* cat <&3 & cat >&3 in a shell, which keeps the connection; the reader is there first. */
static void both(void)
{
	int told[2];
	step("a reader and a writer");
	MUST(pipe(told));
	int l = listen_on(AF_INET, 8);
	pid_t server = echo_server(l);
	int c = connect_to(l);
	pid_t reader = fork_watched();
	if (reader == 0) {
		MUST(dup2(c, STDIN_FILENO));
		MUST(write(told[1], "r", 1));
		_exit(read_exact(STDIN_FILENO, buffer, 15) != 15);
	}
	MUST(read(told[0], buffer, 1));
	pid_t writer = fork_watched();
	if (writer == 0) {
		MUST(dup2(c, STDOUT_FILENO));
		execlp("echo", "echo", "from the child", NULL);
		_exit(8);
	}
	say_wait("writer", writer);
	say_wait("reader", reader);
	close(c);
	close(l);
	say_wait("server", server);
}

/* head -c 5 <&3 in a shell, which keeps the connection, and how it is to be closed. */
static void reads_some(void)
{
	struct linger how;
	socklen_t length = sizeof(how);
	step("a child reads, and leaves some");
	int l = listen_on(AF_INET, 8);
	pid_t server = echo_server(l);
	int c = connect_to(l);
	MUST(write(c, "0123456789", 10));
	pid_t pid = fork_watched();
	if (pid == 0) {
		MUST(dup2(c, STDIN_FILENO));
		_exit(recv(STDIN_FILENO, buffer, 10, MSG_PEEK | MSG_WAITALL) != 10 ||
		      read_exact(STDIN_FILENO, buffer, 5) != 5);
	}
	say_wait("child", pid);
	for (int i = 0; i < 200; i++) {
		MUST(send(c, "!", 1, MSG_NOSIGNAL));
		do /* what was left is lost, or not */
			MUST(read_exact(c, buffer, 1) == 1 ? 0 : -1);
		while (buffer[0] != '!');
	}
	MUST(getsockopt(c, SOL_SOCKET, SO_LINGER, &how, &length));
	say("lingers: %d", how.l_onoff);
	T(shutdown(c, SHUT_WR));
	T(read(c, buffer, 1));
	close(c);
	close(l);
	say_wait("server", server);
}

/* The parent closes its copy when the child is done, as many do that fork for each connection. */
static void serves(const char *name, void (*child)(int s))
{
	step(name);
	int l = listen_on(AF_INET, 8);
	int c = connect_to(l);
	int s = (int)MUST(accept(l, NULL, NULL));
	pid_t pid = fork_watched();
	if (pid == 0) {
		close(c);
		child(s);
		_exit(7);
	}
	T(write(c, "question", 8));
	T(shutdown(c, SHUT_WR));
	T(read_exact(c, buffer, 8));
	say("%.8s", buffer);
	say_wait("child", pid);
	close(s);
	T(read(c, buffer, 1));
	close(c);
	close(l);
}

static void out_first(int s)
{
	MUST(dup2(s, STDOUT_FILENO));
	MUST(dup2(s, STDIN_FILENO));
	close(s);
	execlp("cat", "cat", NULL);
}

static void by_its_number(int s)
{
	char bytes[8];
	MUST(dup2(s, STDOUT_FILENO));
	MUST(read_exact(s, bytes, 8));
	MUST(write_all(STDOUT_FILENO, bytes, 8));
	_exit(0);
}

static void from_output(int s)
{
	char bytes[8];
	MUST(dup2(s, STDERR_FILENO));
	close(s);
	MUST(read_exact(STDERR_FILENO, bytes, 8));
	MUST(write_all(STDERR_FILENO, bytes, 8));
	_exit(0);
}

int main(void)
{
	watchdog_start();
	writes("fork", false);
	writes("vfork", true);
	both();
	reads_some();
	serves("output, then input", out_first);
	serves("output, and reads by the old number", by_its_number);
	serves("output, and reads from it", from_output);
	return 0;
}
