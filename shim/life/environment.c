/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What programs that this one starts have to find in their environment to be sleeved. */
#include "shim/life/environment.h"

#include "shim/session/rulebook.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* The name counts to its "=". */
#define PRELOAD "LD_PRELOAD="
static const char *const names[] = {
	PRELOAD, "SLEEVE_POLICY=", "SLEEVE_RUNDIR=", "SLEEVE_SERVICE=", "SLEEVE_LOG=",
};
enum { NAMES = sizeof names / sizeof *names };

/* As they were at the start; the program may write over its own. */
static char values[NAMES][PATH_MAX + 32];
static char library[PATH_MAX]; /* ours, as LD_PRELOAD names it */

static char *const none[] = {NULL}; /* execve(2): Linux takes NULL for an empty one */

static bool is_named(const char *entry, const char *name)
{
	return strncmp(entry, name, strlen(name)) == 0;
}

static const char *find(char *const environment[], const char *name)
{
	for (; *environment; environment++)
		if (is_named(*environment, name))
			return *environment;
	return NULL;
}

/* ld.so(8): the items are separated by spaces or colons. */
static void find_library(const char *list)
{
	for (size_t length; *list; list += length + (list[length] != 0)) {
		length = strcspn(list, ": ");
		char item[PATH_MAX];
		if (length >= sizeof item)
			continue;
		memcpy(item, list, length);
		item[length] = 0;
		if (strstr(item, "libsleeve.so"))
			memcpy(library, item, length + 1);
	}
}

void environment_start(char **environment)
{
	for (int i = 0; environment && i < NAMES; i++) {
		const char *entry = find(environment, names[i]);
		if (entry && strlen(entry) < sizeof values[i])
			memcpy(values[i], entry, strlen(entry) + 1);
	}
	if (values[0][0])
		find_library(values[0] + strlen(PRELOAD));
}

/* Another list, behind which our library goes. */
static const char *other_list(char *const given[])
{
	const char *list = library[0] ? find(given, PRELOAD) : NULL;
	return list && !strstr(list, library) ? list + strlen(PRELOAD) : NULL;
}

static size_t pointers(size_t bytes)
{
	return (bytes + sizeof(char *) - 1) / sizeof(char *);
}

size_t environment_room(char *const given[])
{
	size_t count = NAMES + 1;
	if (!rulebook_inherits())
		return 1;
	given = given ? given : none;
	for (char *const *entry = given; *entry; entry++)
		count++;
	const char *list = other_list(given);
	return count + (list ? pointers(sizeof PRELOAD + sizeof library + strlen(list)) : 0);
}

static char *append(char *to, const char *text)
{
	size_t size = strlen(text);
	memcpy(to, text, size + 1);
	return to + size;
}

char *const *environment_kept(char *const given[], char **room, size_t size)
{
	if (size == 1)
		return given;
	given = given ? given : none;
	char **next = room;
	const char *list = other_list(given);
	for (char *const *entry = given; *entry; entry++)
		if (!list || !is_named(*entry, PRELOAD))
			*next++ = *entry;
	for (int i = list ? 1 : 0; i < NAMES; i++)
		if (values[i][0] && !find(given, names[i]))
			*next++ = values[i];
	if (list) {
		char *joined = (char *)(next + 2);
		append(append(append(append(joined, PRELOAD), list), ":"), library);
		*next++ = joined;
	}
	*next = NULL;
	return room;
}
