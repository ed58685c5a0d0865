/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Sleeve says: where to, how much, and never into a socket. */
#include "shim/base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char file[64];
static char spec[80];

static void make_file(void)
{
	snprintf(file, sizeof file, "/tmp/sleeve-log-XXXXXX");
	int fd = mkstemp(file);
	cr_assert_geq(fd, 0);
	close(fd);
}

static void remove_file(void)
{
	unlink(file);
}

static const char *to_file(const char *level)
{
	snprintf(spec, sizeof spec, "%s:%s", level, file);
	return spec;
}

static const char *contents(void)
{
	static char text[64 * 1024];
	FILE *f = fopen(file, "r");
	cr_assert(f);
	text[fread(text, 1, sizeof text - 1, f)] = 0;
	fclose(f);
	return text;
}

static unsigned lines(void)
{
	unsigned count = 0;
	for (const char *c = contents(); (c = strchr(c, '\n')); c++)
		count++;
	return count;
}

TestSuite(base_log, .init = make_file, .fini = remove_file);

Test(base_log, levels_are_words)
{
	static const struct {
		const char *spec;
		bool good;
		int most;
	} specs[] = {
		{NULL, true, LOG_LEVEL_ERROR},
		{"", true, LOG_LEVEL_ERROR},
		{"error", true, LOG_LEVEL_ERROR},
		{"warn:stderr", true, LOG_LEVEL_WARN},
		{"info:syslog", true, LOG_LEVEL_INFO},
		{"debug:/var/log/x", true, LOG_LEVEL_DEBUG},
	};
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		const char *what = specs[i].spec ? specs[i].spec : "NULL";
		cr_expect_eq(log_init(specs[i].spec, "unit"), specs[i].good, "\"%s\"", what);
		for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
			cr_expect_eq(log_wants((enum log_level)level), level <= specs[i].most,
			             "\"%s\", level %d", what, level);
	}
}

Test(base_log, what_cannot_be_read_leaves_the_default)
{
	static const char *const bad[] = {"loud", "Error", "errors", "err", ":stderr", "debug:",
	                                  "debug:stdout", "debug:relative/path"};
	static char endless[8192] = "debug:/";
	memset(endless + 7, 'x', sizeof endless - 8);
	for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
		const char *text = i < sizeof bad / sizeof *bad ? bad[i] : endless;
		cr_expect_not(log_init(text, "unit"), "\"%.30s\" was accepted", text);
		cr_expect(log_wants(LOG_LEVEL_ERROR));
		cr_expect_not(log_wants(LOG_LEVEL_WARN), "\"%.30s\" changed the level", text);
	}
}

Test(base_log, a_line_is_one_line_and_errno_is_kept)
{
	cr_assert(log_init(to_file("info"), "/usr/bin/shop"));
	errno = 77;
	log_say(LOG_LEVEL_ERROR, "from %s: %d", "a\nb\033[2J\x7f" "c\xc3\xa9", 5);
	cr_expect_eq(errno, 77);
	log_say(LOG_LEVEL_DEBUG, "too fine");
	cr_expect(strstr(contents(), " /usr/bin/shop error: from a?b?[2J?c\xc3\xa9: 5\n"), "%s",
	          contents());
	cr_expect_eq(lines(), 1);
	char long_text[5000];
	memset(long_text, 'l', sizeof long_text);
	long_text[sizeof long_text - 1] = 0;
	log_say(LOG_LEVEL_INFO, "%s", long_text);
	cr_expect_eq(lines(), 2, "a long line has no end");
	cr_assert(log_init("info:/proc/none/log", "unit"));
	errno = 78;
	log_say(LOG_LEVEL_ERROR, "nowhere");
	cr_expect_eq(errno, 78, "a sink that cannot be opened is the program's errno now");
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

Test(base_log, errors_are_limited_and_the_rest_is_counted, .timeout = 30)
{
	cr_assert(log_init(to_file("info"), "unit"));
	int64_t begun = now();
	for (int i = 0; i < 500; i++)
		log_say(LOG_LEVEL_ERROR, "storm %d", i);
	unsigned most = 21 + (unsigned)((now() - begun) / 200000000);
	unsigned said = lines();
	cr_expect(said >= 20 && said <= most, "%u lines of 500", said);
	log_say(LOG_LEVEL_INFO, "not limited");
	cr_expect_eq(lines(), said + 1, "what was asked for is not limited");
	while (lines() == said + 1)
		log_say(LOG_LEVEL_WARN, "after the storm");
	cr_expect(strstr(contents(), "after the storm ("), "the lines left out are not counted");
	cr_expect(strstr(contents(), "lines left out)\n"));
}

Test(base_log, stderr_is_left_alone_when_it_is_a_socket)
{
	int ends[2], kept = dup(2);
	char byte;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert(log_init(NULL, "unit"));
	dup2(ends[0], 2);
	log_say(LOG_LEVEL_ERROR, "must not be sent");
	dup2(kept, 2);
	ssize_t got = recv(ends[1], &byte, 1, MSG_DONTWAIT);
	cr_expect_eq(got, -1, "a log line went into a socket");

	cr_assert_eq(pipe(ends), 0);
	dup2(ends[1], 2);
	log_say(LOG_LEVEL_ERROR, "may be seen");
	dup2(kept, 2);
	close(ends[1]);
	cr_expect_eq(read(ends[0], &byte, 1), 1, "nothing came out of standard error");
}

/* Says a line while standard error is fd; how many bytes are in the file then. */
static long long said_into(int fd, const char *path)
{
	struct stat status;
	int kept = dup(2);
	dup2(fd, 2);
	log_say(LOG_LEVEL_ERROR, "a line");
	dup2(kept, 2);
	close(kept);
	close(fd);
	return stat(path, &status) == 0 ? status.st_size : -1;
}

Test(base_log, standard_error_may_move_but_a_file_of_data_is_none)
{
	cr_assert(log_init(NULL, "unit"));
	cr_expect_eq(said_into(open(file, O_RDWR), file), 0, "a line among data");
	cr_expect_gt(said_into(open(file, O_WRONLY | O_APPEND), file), 0, "not in a log file");
	long long size = said_into(open(file, O_WRONLY | O_APPEND), file);
	cr_expect_eq(said_into(open(file, O_WRONLY), file), size, "a line over data");

	int kept = dup(2);
	dup2(open(file, O_WRONLY | O_TRUNC), 2);
	cr_assert(log_init(NULL, "unit"));
	log_say(LOG_LEVEL_ERROR, "where it always went");
	dup2(kept, 2);
	cr_expect_eq(lines(), 1, "standard error was this file from the start");
	cr_expect_gt(said_into(open(file, O_RDWR), file), 0, "the same file by another open");
}
