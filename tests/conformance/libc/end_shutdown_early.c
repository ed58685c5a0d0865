/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both directions shut before the connection has been used: what was written still arrives. */
#include "../tasks.h"

struct end {
	int fd, shut;
	long written, read;
};

/* Written and shut at once, before the other end has so much as accepted. */
static void write_and_shut(struct end *e, int how)
{
	char byte;
	e->written = send(e->fd, "words", 5, MSG_NOSIGNAL);
	e->shut = shutdown(e->fd, how);
	e->read = how == SHUT_WR ? 0 : recv(e->fd, &byte, 1, 0);
}

static void close_it(void *argument)
{
	close(((struct end *)argument)->fd);
}

static void both_ends(const char *name, int how)
{
	char text[8] = "";
	struct end e = {0};
	struct task t;

	step(name);
	int l = listen_on(AF_INET, 1);
	e.fd = connect_to(l);
	write_and_shut(&e, how);
	say("written %ld, shut %d, read %ld", e.written, e.shut, e.read);
	T(send(e.fd, "x", 1, MSG_NOSIGNAL));
	int s = (int)MUST(accept(l, NULL, NULL));
	task_start(&t, close_it, &e);
	T(read_exact(s, text, 5));
	say("%s", text);
	T(read(s, text, 1));
	task_join(&t);
	close(s);
	close(l);
}

int main(void)
{
	watchdog_start();
	both_ends("SHUT_WR", SHUT_WR);
	both_ends("SHUT_RDWR", SHUT_RDWR);
	return 0;
}
