/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names the program resolved: whose, which first, and what is no name. */
#include "shim/base/names.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static char found[NAMES_FOUND][NAMES_LENGTH];

static void note(const char *name, const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		names_note(name, (const struct sockaddr *)&v4, sizeof v4);
	} else {
		cr_assert_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
		names_note(name, (const struct sockaddr *)&v6, sizeof v6);
	}
}

/* The names of an address, in order, with a blank between. */
static const char *names_of(const char *address)
{
	static char text[NAMES_FOUND * NAMES_LENGTH];
	uint8_t bytes[16];
	cr_assert_eq(inet_pton(AF_INET6, address, bytes), 1);
	text[0] = 0;
	size_t count = names_find(bytes, found);
	cr_assert_leq(count, NAMES_FOUND);
	for (size_t i = 0; i < count; i++) {
		strcat(text, i ? " " : "");
		strcat(text, found[i]);
	}
	return text;
}

static void *note_elsewhere(void *name)
{
	note(name, "10.0.0.1");
	return NULL;
}

static void elsewhere(void *(*work)(void *), void *of)
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, work, of), 0);
	pthread_join(thread, NULL);
}

TestSuite(base_names);

Test(base_names, the_latest_comes_first_and_once)
{
	note("one.test", "10.0.0.1");
	note("two.test", "10.0.0.1");
	note("other.test", "10.0.0.2");
	note("ONE.test", "10.0.0.1");
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), "ONE.test two.test");
	cr_expect_str_eq(names_of("::ffff:10.0.0.2"), "other.test");
	cr_expect_str_eq(names_of("::ffff:10.0.0.3"), "");
	note("six.test", "fd00::1");
	cr_expect_str_eq(names_of("fd00::1"), "six.test");
	note("mapped.test", "::ffff:10.0.0.2");
	cr_expect_str_eq(names_of("::ffff:10.0.0.2"), "mapped.test other.test");
}

static void *ask_elsewhere(void *of)
{
	(void)of;
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), "theirs.test mine.test");
	note("fresh.test", "10.0.0.1");
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), "fresh.test theirs.test mine.test");
	return NULL;
}

Test(base_names, this_thread_s_own_come_first)
{
	note("mine.test", "10.0.0.1");
	elsewhere(note_elsewhere, (void *)"theirs.test");
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), "mine.test theirs.test");
	pthread_t asker;
	cr_assert_eq(pthread_create(&asker, NULL, ask_elsewhere, NULL), 0);
	pthread_join(asker, NULL);
}

Test(base_names, numbers_and_nonsense_are_no_names)
{
	char long_name[400];
	memset(long_name, 'a', sizeof long_name);
	long_name[NAMES_LENGTH] = 0;
	static const char *const none[] = {"10.0.0.1", "::1", "fe80::1%eth0", "", "."};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		note(none[i], "10.0.0.1");
	note(long_name, "10.0.0.1");
	names_note(NULL, NULL, 0);
	struct sockaddr local = {.sa_family = AF_UNIX};
	names_note("local.test", &local, sizeof local);
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), "");
	long_name[NAMES_LENGTH - 1] = 0;
	note(long_name, "10.0.0.1");
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), long_name, "253 bytes are a name");
	struct sockaddr_in cut = {.sin_family = AF_INET};
	names_note("cut.test", (const struct sockaddr *)&cut, 4);
	cr_expect_str_eq(names_of("::ffff:0.0.0.0"), "", "an address that is cut off");
}

Test(base_names, a_final_dot_is_dropped)
{
	note("cache.test.", "10.0.0.1");
	note("10.0.0.1.example", "10.0.0.1");
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), "10.0.0.1.example cache.test");
}

Test(base_names, memory_is_bounded_and_forgets_the_oldest)
{
	char name[32];
	note("oldest.test", "10.0.0.9");
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "n%d.test", i);
		note(name, "10.0.0.1");
	}
	cr_expect_str_eq(names_of("::ffff:10.0.0.9"), "", "the oldest is still remembered");
	cr_expect_str_eq(names_of("::ffff:10.0.0.1"), "n1999.test n1998.test n1997.test n1996.test "
	                 "n1995.test n1994.test n1993.test n1992.test");
}
