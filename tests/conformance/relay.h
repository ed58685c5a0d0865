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
 *	RELAY_HOLD	the last byte of what arrived is held until relay_tell()
 *	RELAY_STEP	all is kept, and one byte goes on with each relay_tell()
 *
 * main() must call relay_main() first.
 */
enum relay_kind { RELAY_BYTES, RELAY_HOLD, RELAY_STEP };

struct relay {
	pid_t pid;
	union address address; /* connect here instead of to the target */
	int control;
};

enum { RELAY_ROOM = 65536 };

/* One direction: what came in goes out, but for bytes that are held: at .. end. */
struct relay_way {
	int from, to;
	bool ended, shut;
	size_t at, end;
	char held[RELAY_ROOM];
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

/* The end goes on behind the last byte. */
HELPER void relay_release_way(struct relay_way *way, size_t most)
{
	size_t size = way->end - way->at < most ? way->end - way->at : most;
	relay_put(way->to, way->held + way->at, size, false);
	way->at += size;
	if (way->at == way->end)
		way->at = way->end = 0;
	if (way->ended && !way->end && !way->shut) {
		shutdown(way->to, SHUT_WR);
		way->shut = true;
	}
}

HELPER void relay_take(struct relay_way *way, enum relay_kind kind, bool holding)
{
	char data[RELAY_ROOM];
	size_t room = RELAY_ROOM - way->end;
	ssize_t n = read(way->from, data, room);
	if (n <= 0)
		way->ended = true;
	if (n <= 0 && kind == RELAY_STEP && holding)
		return;
	if (n <= 0 || kind == RELAY_HOLD)
		relay_release_way(way, RELAY_ROOM);
	if (n <= 0)
		return;
	size_t keep = !holding || kind == RELAY_BYTES ? 0 : kind == RELAY_HOLD ? 1 : (size_t)n;
	relay_put(way->to, data, (size_t)n - keep, kind == RELAY_BYTES);
	memcpy(way->held + way->end, data + n - keep, keep);
	way->end += keep;
}

HELPER bool relay_waits(const struct relay_way *way)
{
	return !way->ended && way->end < RELAY_ROOM;
}

HELPER void relay_serve(enum relay_kind kind, int l, const union address *target, int control)
{
	int one = 1, a = (int)MUST(accept(l, NULL, NULL));
	int b = (int)MUST(socket(target->any.sa_family, SOCK_STREAM, 0));
	MUST(connect(b, &target->any, address_size(target)));
	MUST(setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	MUST(setsockopt(b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	static struct relay_way way[2];
	bool holding = true;
	way[0].from = way[1].to = a;
	way[1].from = way[0].to = b;
	while (!way[0].shut || !way[1].shut) {
		struct pollfd p[3] = {{.fd = relay_waits(&way[0]) ? a : -1, .events = POLLIN},
		                      {.fd = relay_waits(&way[1]) ? b : -1, .events = POLLIN},
		                      {.fd = control, .events = POLLIN}};
		char command = 0;
		MUST(poll(p, 3, -1));
		/* 'h' holds, 'r' releases for good, 'o' lets one byte go; answered when done. */
		if (p[2].revents && read(control, &command, 1) != 1)
			exit(0);
		if (command == 'h' || command == 'r')
			holding = command == 'h';
		if (command && command != 'h') {
			relay_release_way(&way[0], command == 'o' ? 1 : RELAY_ROOM);
			relay_release_way(&way[1], command == 'o' ? 1 : RELAY_ROOM);
		}
		if (command)
			write(control, &command, 1);
		for (int i = 0; i < 2; i++)
			if (p[i].revents)
				relay_take(&way[i], kind, holding);
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

/* 'h' hold, 'r' release from now on, 'o' let a byte go each way; returns when that is done. */
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
