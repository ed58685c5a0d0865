/* SPDX-License-Identifier: GPL-3.0-or-later */
/* 64 KiB stacks: connecting, accepting, and data all happen in threads that have no more. */
#include "../tasks.h"

static int l;

static void serve(void *argument)
{
	char buffer[1000];
	int s = (int)MUST(accept(l, NULL, NULL));
	ssize_t n;
	(void)argument;
	while ((n = read(s, buffer, sizeof(buffer))) > 0)
		write_all(s, buffer, (size_t)n);
	say("server: end %zd", n);
	close(s);
}

static void ask(void *argument)
{
	char out[1000], in[1000];
	int c = connect_to(l), bad = 0;
	(void)argument;
	for (int i = 0; i < 100; i++) {
		fill(out, sizeof(out), (size_t)i);
		MUST(write_all(c, out, sizeof(out)));
		MUST(read_exact(c, in, sizeof(in)));
		bad += memcmp(in, out, sizeof(in)) != 0;
	}
	say("client: %d bad", bad);
	shutdown(c, SHUT_WR);
	T(read(c, in, sizeof(in)));
	close(c);
}

int main(void)
{
	struct task server, client;

	watchdog_start();
	l = listen_on(AF_INET, 8);
	for (int turn = 0; turn < 3; turn++) {
		task_start_with(&server, serve, NULL, 65536);
		task_start_with(&client, ask, NULL, 65536);
		task_join(&client);
		task_join(&server);
	}
	return 0;
}
