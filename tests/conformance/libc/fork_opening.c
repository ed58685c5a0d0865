/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accept, fork; the child begins to read before the client speaks, and the parent polls on. */
#include "../trace.h"

/* Waits for, or says, that the next step may be taken. */
static void await_word(const int *pipe)
{
	char word;
	if (read(pipe[0], &word, 1) != 1)
		trace_die("read of a word");
}

static void give_word(const int *pipe)
{
	if (write(pipe[1], "w", 1) != 1)
		trace_die("write of a word");
}

static int ask(int l, const int *go)
{
	char buffer[8];
	int c = connect_to(l);
	set_nonblocking(c, true);
	(void)recv(c, buffer, 1, 0);
	await_word(go);
	if (write_all(c, "ping", 4) != 4 || read_exact(c, buffer, 4) != 4)
		return 1;
	return memcmp(buffer, "ping", 4) != 0;
}

/* The child's part: a look that finds nothing, then, when the parent has had its turn, all. */
static int serve(int s, const int *looked, const int *go)
{
	char buffer[8];
	for (int i = 0; i < 20; i++) {
		if (recv(s, buffer, 4, MSG_DONTWAIT) != -1 || errno != EAGAIN)
			return 1;
		poll(NULL, 0, 1);
	}
	give_word(looked);
	await_word(go);
	return read_exact(s, buffer, 4) != 4 || write_all(s, buffer, 4) != 4;
}

int main(void)
{
	int speak[2], looked[2], go[2];

	watchdog_start();
	MUST(pipe(speak));
	MUST(pipe(looked));
	MUST(pipe(go));
	for (int turn = 0; turn < 2; turn++) {
		step(turn ? "the parent goes on polling" : "the parent waits elsewhere");
		int l = listen_on(AF_INET, 8);
		pid_t client = fork_watched();
		if (client == 0)
			_exit(ask(l, speak));
		int s = (int)MUST(accept(l, NULL, NULL));
		pid_t child = fork_watched();
		if (child == 0)
			_exit(serve(s, looked, go));
		await_word(looked);
		give_word(speak);
		for (int i = 0; turn && i < 50; i++)
			poll(&(struct pollfd){.fd = l, .events = POLLIN}, 1, 1);
		give_word(go);
		say_wait("child", child);
		say_wait("client", client);
		T(close(s));
		/* The parent is as able as ever. */
		int c = connect_to(l);
		s = (int)MUST(accept(l, NULL, NULL));
		settle(c, s);
		T(write(c, "more", 4));
		T(read_exact(s, &(char[8]){0}, 4));
		close(c);
		close(s);
		close(l);
	}
	return 0;
}
