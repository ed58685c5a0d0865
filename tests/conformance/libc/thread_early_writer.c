/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread writes to a server of its own process, then waits for it, but in no socket call. */
#include "../tasks.h"

#include <semaphore.h>

static sem_t told;
static char text[8];

static void serve_blocking(void *argument)
{
	int s = (int)MUST(accept(*(int *)argument, NULL, NULL));
	read_exact(s, text, 4);
	close(s);
	sem_post(&told);
}

static void serve_polling(void *argument)
{
	struct pollfd p = {.fd = (int)MUST(accept(*(int *)argument, NULL, NULL)),
	                   .events = POLLIN};
	int got = 0;
	MUST(fcntl(p.fd, F_SETFL, O_NONBLOCK));
	while (got < 4) {
		if (poll(&p, 1, 20) == 1)
			got += (int)recv(p.fd, text + got, 1, 0) == 1;
	}
	close(p.fd);
	sem_post(&told);
}

static void wait_for_word(const char *name, void (*serve)(void *))
{
	struct task t;
	step(name);
	int l = listen_on(AF_INET, 1);
	memset(text, 0, sizeof(text));
	task_start(&t, serve, &l);
	int c = connect_to(l);
	T(send(c, "word", 4, MSG_DONTWAIT));
	trace_call = "sem_wait";
	while (sem_wait(&told))
		;
	say("%s", text);
	task_join(&t);
	close(c);
	close(l);
}

int main(void)
{
	watchdog_start();
	wait_for_word("a server that reads", serve_blocking);
	wait_for_word("a server that polls now and then", serve_polling);
	return 0;
}
