/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Written and closed at once, before the connection has been used: it arrives, and then the end. */
#include "../tasks.h"

#define MANY 100

static int whole, ended;

static void serve(void *argument)
{
	char text[8], byte;
	for (int i = 0; i < MANY; i++) {
		int s = (int)MUST(accept(*(int *)argument, NULL, NULL));
		whole += read_exact(s, text, 5) == 5 && !memcmp(text, "words", 5);
		ended += read(s, &byte, 1) == 0;
		close(s);
	}
}

int main(void)
{
	struct task t;

	watchdog_start();
	int l = listen_on(AF_INET, MANY);
	task_start(&t, serve, &l);
	for (int i = 0; i < MANY; i++) {
		int c = connect_to(l);
		MUST(send(c, "words", 5, MSG_DONTWAIT));
		close(c);
	}
	task_join(&t);
	say("whole %d, ended %d", whole, ended);
	return 0;
}
