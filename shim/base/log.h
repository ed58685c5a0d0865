/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Sleeve says to people: little, in one line, rate-limited. */
#ifndef SLEEVE_BASE_LOG_H
#define SLEEVE_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * `spec` is SLEEVE_LOG: "error|warn|info|debug[:stderr|syslog|/path]", NULL for the default
 * (errors to stderr).  `program` is shown in each line and must live as long as the process.
 * Returns false for a spec that cannot be read; the default then holds.
 *
 * No descriptor is kept: the sink is opened for each line, so a program that closes everything
 * can neither break the log nor have it land in a file of its own.  Standard error is what it was
 * at log_init(), or a character device, a pipe or a file opened to append; else, and when it is
 * a socket, it is left alone.  Errors and warnings are limited to a burst of 20 and 5 a second.
 * Control bytes in a line are replaced, so text from a peer can be logged.  errno is kept.  Any
 * thread.
 */
_Bool log_init(const char *spec, const char *program);

_Bool log_wants(enum log_level level);
void log_say(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
