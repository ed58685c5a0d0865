/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The unix socket that a program has in place of a carried TCP socket. */
#ifndef SLEEVE_LIFE_STANDIN_H
#define SLEEVE_LIFE_STANDIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * The carrier's end is bound to an abstract name (unix(7)) that holds the TCP connection's two
 * addresses.  So whoever has the other end, in whatever process and image, can answer
 * getsockname(2) and getpeername(2) as the TCP socket would.  A name is believed only from root
 * or from the caller's own user (SO_PEERCRED).
 */

struct standin {
	struct sockaddr_storage local, remote;
	socklen_t local_length, remote_length;
	/* The session's, for the processes that share it, and the carrier's own socket's. */
	uint64_t entry, carrier;
};

/* Binds the carrier's end.  Where that fails, the other end is just a unix socket. */
void standin_name(int carrier_end, const struct standin *addresses);

/* Is fd such a socket?  addresses may be NULL.  Keeps errno. */
bool standin_is(int fd, struct standin *addresses);

/* Is what recvfrom(2) gave, cut to `room`, the name of a carrier's end?  TCP gives none. */
bool standin_named(const void *address, socklen_t room);

#endif
