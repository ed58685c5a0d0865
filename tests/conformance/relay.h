/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A relay between the two ends of a test, never sleeved: it shapes how bytes arrive. */
#ifndef CONFORMANCE_RELAY_H
#define CONFORMANCE_RELAY_H

#include "trace.h"

/*
 * The relay is this very program, executed again without the preload, so what passes through it
 * is what is on the wire.  It serves one connection, forwards it to the target and shapes both
 * directions alike:
 *
 *	RELAY_BYTES	every byte is a segment of its own
 *	RELAY_HOLD	the last byte of what arrived is held until relay_release()
 *
 * main() must call relay_main() first.
 */
enum relay_kind { RELAY_BYTES, RELAY_HOLD };

struct relay {
	pid_t pid;
	union address address; /* connect here instead of to the target */
	int control;
};

/* One direction: what came in goes out, but for a byte that is held. */
struct relay_way {
	int from, to;
	bool ended, held;
	char byte;
};

HELPER void relay_put(int fd, const char *data, size_t size, bool bytes)
{
	while (size) {
		ssize_t n = write(fd, data, bytes ? 1 : size);
		if (n <= 0)
			return; /* the reader went away */
		data += n;
		size -= (size_t)n;
	}
}

HELPER void relay_release_way(struct relay_way *way)
{
	if (way->held)
		relay_put(way->to, &way->byte, 1, false);
	way->held = false;
}

HELPER void relay_step(struct relay_way *way, enum relay_kind kind)
{
	char data[65536];
	ssize_t n = read(way->from, data, sizeof(data));
	if (n <= 0) {
		relay_release_way(way);
		way->ended = true;
		shutdown(way->to, SHUT_WR);
		return;
	}
	if (kind == RELAY_HOLD) {
		relay_release_way(way);
		way->byte = data[--n];
		way->held = true;
	}
	relay_put(way->to, data, (size_t)n, kind == RELAY_BYTES);
}

HELPER void relay_serve(enum relay_kind kind, int l, const union address *target, int control)
{
	int one = 1, a = (int)MUST(accept(l, NULL, NULL));
	int b = (int)MUST(socket(target->any.sa_family, SOCK_STREAM, 0));
	MUST(connect(b, &target->any, address_size(target)));
	MUST(setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	MUST(setsockopt(b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	struct relay_way way[2] = {{.from = a, .to = b}, {.from = b, .to = a}};
	bool holding = true;
	while (!way[0].ended || !way[1].ended) {
		struct pollfd p[3] = {{.fd = way[0].ended ? -1 : a, .events = POLLIN},
		                      {.fd = way[1].ended ? -1 : b, .events = POLLIN},
		                      {.fd = control, .events = POLLIN}};
		char command = 0;
		MUST(poll(p, 3, -1));
		/* 'h' holds, 'r' releases for good, 'o' lets one byte go; answered when done. */
		if (p[2].revents && read(control, &command, 1) != 1)
			exit(0);
		if (command == 'h' || command == 'r')
			holding = command == 'h';
		if (command && command != 'h') {
			relay_release_way(&way[0]);
			relay_release_way(&way[1]);
		}
		if (command)
			write(control, &command, 1);
		for (int i = 0; i < 2; i++)
			if (p[i].revents)
				relay_step(&way[i], kind == RELAY_HOLD && !holding ? -1 : kind);
	}
	exit(0);
}

/* Does nothing in the program proper; is the relay in the one executed again. */
HELPER void relay_main(int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[1], "relay"))
		return;
	watchdog_start();
	union address target = loopback(AF_INET), own;
	target.in.sin_port = (in_port_t)atoi(argv[3]);
	int l = listen_on(AF_INET, 8);
	own = address_of(l);
	write(STDIN_FILENO, &own, sizeof(own));
	relay_serve((enum relay_kind)atoi(argv[2]), l, &target, STDIN_FILENO);
}

/* Starts a relay to what `listener` listens on.  It begins with holding, where it holds. */
HELPER struct relay relay_start(enum relay_kind kind, int listener)
{
	struct relay r;
	union address target = address_of(listener);
	char name[16], port[16];
	int sv[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	snprintf(name, sizeof(name), "%d", kind);
	snprintf(port, sizeof(port), "%d", target.in.sin_port);
	char *const argv[] = {"relay", "relay", name, port, NULL}, *const envp[] = {NULL};
	r.pid = (pid_t)MUST(fork());
	if (r.pid == 0) {
		dup2(sv[1], STDIN_FILENO);
		execve("/proc/self/exe", argv, envp);
		_exit(127);
	}
	close(sv[1]);
	r.control = sv[0];
	if (read(r.control, &r.address, sizeof(r.address)) != sizeof(r.address))
		trace_die("the relay does not start");
	return r;
}

/* 'h' hold, 'r' release from now on, 'o' let go once; returns when the relay has done so. */
HELPER void relay_tell(const struct relay *r, char command)
{
	if (write(r->control, &command, 1) != 1 || read(r->control, &command, 1) != 1)
		trace_die("the relay is gone");
}

HELPER void relay_stop(const struct relay *r)
{
	close(r->control);
	waitpid(r->pid, NULL, 0);
}

#endif
