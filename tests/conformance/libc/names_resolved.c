/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to a name: what getaddrinfo and gethostbyname give is used as it is. */
#include "../trace.h"

#include <netdb.h>

int main(void)
{
	char port[8], buffer[16];
	struct addrinfo *list, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	union address a = address_of(l);
	snprintf(port, sizeof(port), "%d", ntohs(a.in.sin_port));

	step("getaddrinfo");
	int error = getaddrinfo("localhost", port, &hints, &list);
	say("%d, canonical name %s", error, list->ai_canonname ? list->ai_canonname : "none");
	int c = (int)MUST(socket(list->ai_family, list->ai_socktype, 0));
	T(connect(c, list->ai_addr, list->ai_addrlen));
	freeaddrinfo(list);
	int s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "by name", 7));
	T(read_exact(s, buffer, 7));
	close(c);
	close(s);

	step("gethostbyname");
	struct hostent *h = gethostbyname("localhost");
	say("%s, %d bytes", h->h_name, h->h_length);
	memcpy(&a.in.sin_addr, h->h_addr_list[0], sizeof(a.in.sin_addr));
	c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	T(connect(c, &a.any, address_size(&a)));
	s = (int)MUST(accept(l, NULL, NULL));
	settle(c, s);
	T(write(c, "by name", 7));
	T(read_exact(s, buffer, 7));

	step("numbers and what is not there");
	say("%d", getaddrinfo("127.0.0.1", port, &hints, &list));
	freeaddrinfo(list);
	hints.ai_flags = AI_NUMERICHOST;
	say("%d", getaddrinfo("not a number", port, &hints, &list));
	say("%d", getaddrinfo(NULL, NULL, &hints, &list));
	return 0;
}
