/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which names the program resolved, and to which addresses. */
#include "shim/base/names.h"

#include "shim/base/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/*
 * A ring in the order of the answers: what is newer lies nearer behind `next`.  It is searched
 * from there, once a connect.
 */
enum { MEMORY = 512 };

struct answer {
	uint8_t address[16];
	pthread_t thread;
	char name[NAMES_LENGTH];
};

static struct answer answers[MEMORY];
static unsigned next, count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void names_lock(void)
{
	guard_enter();
	pthread_mutex_lock(&lock);
}

void names_unlock(void)
{
	pthread_mutex_unlock(&lock);
	guard_leave();
}

static bool canonical(const struct sockaddr *sa, socklen_t length, uint8_t address[16])
{
	if (sa->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
		memset(address, 0, 10);
		memset(address + 10, 0xff, 2);
		memcpy(address + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
		return true;
	}
	if (sa->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
		memcpy(address, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool numeric(const char *name)
{
	uint8_t unused[16];
	return strchr(name, ':') || inet_pton(AF_INET, name, unused) == 1;
}

void names_note(const char *name, const struct sockaddr *sa, socklen_t length)
{
	uint8_t address[16];
	size_t size = name ? strnlen(name, NAMES_LENGTH + 1) : 0;
	if (size && name[size - 1] == '.')
		size--;
	if (!size || size >= NAMES_LENGTH || numeric(name) || !canonical(sa, length, address))
		return;
	names_lock();
	struct answer *a = &answers[next];
	memcpy(a->address, address, 16);
	a->thread = pthread_self();
	memcpy(a->name, name, size);
	a->name[size] = 0;
	next = (next + 1) % MEMORY;
	count += count < MEMORY;
	names_unlock();
}

static bool known(char found[NAMES_FOUND][NAMES_LENGTH], size_t have, const char *name)
{
	for (size_t i = 0; i < have; i++)
		if (strcasecmp(found[i], name) == 0)
			return true;
	return false;
}

size_t names_find(const uint8_t address[16], char found[NAMES_FOUND][NAMES_LENGTH])
{
	size_t have = 0;
	pthread_t self = pthread_self();
	names_lock();
	for (int own = 1; own >= 0; own--) {
		for (unsigned i = 1; i <= count && have < NAMES_FOUND; i++) {
			const struct answer *a = &answers[(next + MEMORY - i) % MEMORY];
			if (memcmp(a->address, address, 16) != 0 ||
			    (pthread_equal(a->thread, self) != 0) != own ||
			    known(found, have, a->name))
				continue;
			memcpy(found[have++], a->name, NAMES_LENGTH);
		}
	}
	names_unlock();
	return have;
}
