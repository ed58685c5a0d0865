/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Sleeve says to people: little, in one line, rate-limited. */
#include "shim/base/log.h"

#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/real.h"
#include "shim/base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum sink { SINK_STDERR, SINK_SYSLOG, SINK_FILE };

static enum log_level level_now = LOG_LEVEL_ERROR;
static enum sink sink = SINK_STDERR;
static char path[PATH_MAX];
static const char *program_name = "?";

static const char *const words[] = {"error", "warn", "info", "debug"};

/* The file that standard error was then; no file has number 0. */
static dev_t stderr_device;
static ino_t stderr_file;

static void look_at_stderr(void)
{
	struct stat status;
	bool open = fstat(STDERR_FILENO, &status) == 0;
	stderr_device = open ? status.st_dev : 0;
	stderr_file = open ? status.st_ino : 0;
}

bool log_init(const char *spec, const char *program)
{
	program_name = program;
	look_at_stderr();
	if (!spec || !*spec)
		return true;
	const char *colon = strchr(spec, ':');
	size_t length = colon ? (size_t)(colon - spec) : strlen(spec);
	int level = -1;
	for (int i = 0; i < 4; i++)
		if (strlen(words[i]) == length && strncmp(words[i], spec, length) == 0)
			level = i;
	enum sink wanted = SINK_STDERR;
	if (colon && strcmp(colon + 1, "syslog") == 0)
		wanted = SINK_SYSLOG;
	else if (colon && colon[1] == '/' && strlen(colon + 1) < sizeof path)
		wanted = SINK_FILE;
	else if (colon && strcmp(colon + 1, "stderr") != 0)
		return false;
	if (level < 0)
		return false;
	if (wanted == SINK_FILE)
		memcpy(path, colon + 1, strlen(colon + 1) + 1);
	level_now = (enum log_level)level;
	sink = wanted;
	return true;
}

bool log_wants(enum log_level level)
{
	return level <= level_now;
}

/* A bucket of 20 that gains one each 200 ms; what it swallows is counted in the next line. */
static bool let_through(unsigned *swallowed)
{
	static int64_t filled_at;
	static unsigned used, dropped;
	int64_t now = kernel_now();
	unsigned gained = (unsigned)((now - filled_at) / 200000000);
	if (gained) {
		used = gained > used ? 0 : used - gained;
		filled_at = now;
	}
	if (used >= 20) {
		dropped++;
		return false;
	}
	used++;
	*swallowed = dropped;
	dropped = 0;
	return true;
}

/*
 * A program that has closed it gets its number for the next file it opens.  What daemons put there
 * instead is a terminal, /dev/null, a pipe or a file to append to; no data is kept in these.
 */
static bool is_for_words(void)
{
	struct stat now;
	if (fstat(STDERR_FILENO, &now) < 0 || S_ISSOCK(now.st_mode))
		return false;
	if (now.st_ino == stderr_file && now.st_dev == stderr_device)
		return true;
	return S_ISCHR(now.st_mode) || S_ISFIFO(now.st_mode) ||
	       (S_ISREG(now.st_mode) && (real.fcntl(STDERR_FILENO, F_GETFL) & O_APPEND));
}

/* Nobody may be made to wait for the reader of a full pipe. */
static void to_stderr(const char *line, size_t size)
{
	if (is_for_words() && (kernel_poll(STDERR_FILENO, POLLOUT) & POLLOUT))
		(void)!real.write(STDERR_FILENO, line, size);
}

static void to_file(const char *line, size_t size)
{
	const char *file = path;
	int root = root_of(&file);
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(root, file, flags, 0640);
	if (fd < 0)
		return;
	(void)!real.write(fd, line, size);
	real.close(fd);
}

/*
 * syslog(3) would share the host's ident and descriptor; the protocol is one datagram (RFC 3164).
 */
static void to_syslog(const char *line, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = real.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!real.sendto(fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL,
	                   (struct sockaddr *)&address, sizeof address);
	real.close(fd);
}

/* "TIME sleeve[PID] PROGRAM LEVEL: ", or the priority that syslog wants (daemon, severity). */
static size_t prefix(char *line, size_t size, enum log_level level)
{
	static const int severities[] = {3, 4, 6, 7};
	if (sink == SINK_SYSLOG)
		return (size_t)snprintf(line, size, "<%d>sleeve[%d]: ", 3 * 8 + severities[level],
		                        (int)getpid());
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	used += (size_t)snprintf(line + used, size - used, ".%03ldZ sleeve[%d] %.200s %s: ",
	                         now.tv_nsec / 1000000, (int)getpid(), program_name, words[level]);
	return used;
}

/* One buffer, for this may run on a small stack. */
void log_say(enum log_level level, const char *format, ...)
{
	enum { SIZE = 1024, REST = 40 };
	unsigned swallowed = 0;
	if (!log_wants(level) || (level <= LOG_LEVEL_WARN && !let_through(&swallowed)))
		return;
	int saved = errno;
	guard_enter();
	char line[SIZE];
	size_t used = prefix(line, SIZE - REST, level), start = used;
	va_list arguments;
	va_start(arguments, format);
	int wanted = vsnprintf(line + used, SIZE - REST - used, format, arguments);
	va_end(arguments);
	used += wanted < 0 ? 0 : (size_t)wanted;
	if (used > SIZE - REST - 1)
		used = SIZE - REST - 1;
	for (char *c = line + start; c < line + used; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	if (swallowed)
		used += (size_t)snprintf(line + used, REST - 1, " (%u lines left out)", swallowed);
	line[used++] = '\n';
	if (sink == SINK_FILE)
		to_file(line, used);
	else if (sink == SINK_SYSLOG)
		to_syslog(line, used - 1);
	else
		to_stderr(line, used);
	guard_leave();
	errno = saved;
}
