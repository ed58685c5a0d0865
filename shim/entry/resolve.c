/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the resolver: which name leads to which address. */
#include "shim/life/door.h"

#include "shim/base/names.h"

#include <netinet/in.h>
#include <string.h>

DOOR int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                     struct addrinfo **result)
{
	int error = real.getaddrinfo(node, service, hints, result);
	for (struct addrinfo *a = error || !table_size ? NULL : *result; a; a = a->ai_next)
		names_note(node, a->ai_addr, a->ai_addrlen);
	return error;
}

static void note(const char *name, const struct hostent *entry)
{
	for (int i = 0; table_size && entry && entry->h_addr_list[i]; i++) {
		struct sockaddr_in6 six = {.sin6_family = AF_INET6};
		struct sockaddr_in four = {.sin_family = AF_INET};
		if (entry->h_addrtype == AF_INET) {
			memcpy(&four.sin_addr, entry->h_addr_list[i], sizeof four.sin_addr);
			names_note(name, (struct sockaddr *)&four, sizeof four);
		} else if (entry->h_addrtype == AF_INET6) {
			memcpy(&six.sin6_addr, entry->h_addr_list[i], sizeof six.sin6_addr);
			names_note(name, (struct sockaddr *)&six, sizeof six);
		}
	}
}

DOOR struct hostent *gethostbyname(const char *name)
{
	struct hostent *entry = real.gethostbyname(name);
	note(name, entry);
	return entry;
}

DOOR struct hostent *gethostbyname2(const char *name, int family)
{
	struct hostent *entry = real.gethostbyname2(name, family);
	note(name, entry);
	return entry;
}

DOOR int gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t size,
                         struct hostent **result, int *error)
{
	int failed = real.gethostbyname_r(name, entry, buffer, size, result, error);
	note(name, failed ? NULL : *result);
	return failed;
}

DOOR int gethostbyname2_r(const char *name, int family, struct hostent *entry, char *buffer,
                          size_t size, struct hostent **result, int *error)
{
	int failed = real.gethostbyname2_r(name, family, entry, buffer, size, result, error);
	note(name, failed ? NULL : *result);
	return failed;
}
