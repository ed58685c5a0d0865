/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The unix socket that a program has in place of a carried TCP socket. */
#include "shim/life/standin.h"

#include "shim/base/kernel.h"
#include "shim/base/real.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	sa_family_t family;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* What follows the family in sun_path. */
struct name {
	char magic[8]; /* a NUL first: abstract */
	uint64_t cookie, entry;
	union address local, remote;
};
_Static_assert(sizeof(struct name) <= sizeof(((struct sockaddr_un *)0)->sun_path), "name too long");

static const char magic[8] = "\0sleeve";

static socklen_t length_of(const union address *a)
{
	return a->family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

void standin_name(int carrier_end, const struct standin *addresses)
{
	struct name name = {.cookie = kernel_cookie(carrier_end), .entry = addresses->entry};
	memcpy(name.magic, magic, sizeof magic);
	memcpy(&name.local, &addresses->local, sizeof name.local);
	memcpy(&name.remote, &addresses->remote, sizeof name.remote);
	struct sockaddr_un unix_name = {.sun_family = AF_UNIX};
	memcpy(unix_name.sun_path, &name, sizeof name);
	bind(carrier_end, (struct sockaddr *)&unix_name,
	          offsetof(struct sockaddr_un, sun_path) + sizeof name);
}

bool standin_named(const void *address, socklen_t room)
{
	const struct sockaddr_un *name = address;
	return name && room >= offsetof(struct sockaddr_un, sun_path) + sizeof magic &&
	       name->sun_family == AF_UNIX &&
	       memcmp(name->sun_path, magic, sizeof magic) == 0;
}

static bool look(int fd, struct standin *addresses)
{
	struct sockaddr_un unix_name;
	struct name name;
	socklen_t length = sizeof unix_name;
	struct ucred who;
	socklen_t who_length = sizeof who;
	if (real.getpeername(fd, (struct sockaddr *)&unix_name, &length) < 0 ||
	    length != offsetof(struct sockaddr_un, sun_path) + sizeof name ||
	    unix_name.sun_family != AF_UNIX ||
	    memcmp(unix_name.sun_path, magic, sizeof magic) != 0 ||
	    kernel_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_length) < 0 ||
	    (who.uid && who.uid != geteuid()))
		return false;
	if (!addresses)
		return true;
	memcpy(&name, unix_name.sun_path, sizeof name);
	*addresses = (struct standin){.local_length = length_of(&name.local),
	                              .remote_length = length_of(&name.remote),
	                              .entry = name.entry,
	                              .carrier = name.cookie};
	memcpy(&addresses->local, &name.local, sizeof name.local);
	memcpy(&addresses->remote, &name.remote, sizeof name.remote);
	return true;
}

bool standin_is(int fd, struct standin *addresses)
{
	int saved = errno;
	bool is = look(fd, addresses);
	errno = saved;
	return is;
}
