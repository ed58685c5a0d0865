/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection that is not used for longer than a handshake may take, while its end waits for
 * something else, is as good as new then.  POLICY: handshake_timeout = 2.0; */
#include "../trace.h"

/* Longer than that, in a call that no library can see into. */
static void be_elsewhere(void)
{
	struct timespec t = {.tv_sec = 3};
	trace_call = "nanosleep";
	while (nanosleep(&t, &t))
		;
}

/* A server in a process of its own; whoever connects listens nowhere. */
static pid_t start_server(union address *a, void (*serve)(int l, int told), int *tell)
{
	int ready[2], go[2];
	MUST(pipe(ready));
	MUST(pipe(go));
	pid_t pid = fork_watched();
	if (pid == 0) {
		int l = listen_on(AF_INET, 8);
		*a = address_of(l);
		MUST(write(ready[1], a, sizeof(*a)));
		close(go[1]);
		serve(l, go[0]);
		_exit(0);
	}
	MUST(read(ready[0], a, sizeof(*a)));
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	*tell = go[1];
	return pid;
}

static int dial(const union address *a)
{
	int fd = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(connect(fd, &a->any, address_size(a)));
	return fd;
}

static void answer(int s)
{
	char text[8] = "";
	if (read(s, text, sizeof(text)) != 5)
		_exit(1);
	MUST(write(s, "answer", 6));
	(void)!read(s, text, 1);
	close(s);
}

static void ask(int c)
{
	char text[8] = "";
	T(write(c, "hello", 5));
	T(read_exact(c, text, 6));
	say("%s", text);
	close(c);
}

static void serve_one(int l, int told)
{
	(void)told;
	answer((int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC)));
}

static void serve_two(int l, int told)
{
	(void)told;
	int first = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	int second = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	answer(first);
	answer(second);
}

static void serve_when_told(int l, int told)
{
	char byte;
	int s = (int)MUST(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	MUST(read(told, &byte, 1));
	answer(s);
}

/* In no thread of its own: the client asks as soon as it is there. */
static pid_t start_client(const union address *a)
{
	pid_t pid = fork_watched();
	if (pid == 0) {
		ask(dial(a));
		_exit(0);
	}
	return pid;
}

int main(void)
{
	union address a;
	int tell;
	watchdog_start();

	step("a client that has nothing to ask yet");
	pid_t server = start_server(&a, serve_one, &tell);
	int c = dial(&a);
	be_elsewhere();
	ask(c);
	say_wait("server", server);
	close(tell);

	step("a server that waits for a second client");
	server = start_server(&a, serve_two, &tell);
	pid_t client = start_client(&a);
	be_elsewhere();
	c = dial(&a);
	say_wait("first client", client);
	ask(c);
	say_wait("server", server);
	close(tell);

	step("a server that waits for word from a pipe");
	server = start_server(&a, serve_when_told, &tell);
	client = start_client(&a);
	be_elsewhere();
	MUST(write(tell, "g", 1));
	say_wait("client", client);
	say_wait("server", server);
	close(tell);
	return 0;
}
