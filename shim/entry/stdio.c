/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the stdio calls that reach a descriptor without coming through read or write. */
#include "shim/life/door.h"

#include "shim/life/carrier.h"

#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* A stream reads and writes inside libc, past our doors. */
DOOR FILE *fdopen(int fd, const char *mode)
{
	if (!carrier_wanted(fd, "a stdio stream"))
		return NULL;
	FILE *stream = real.fdopen(fd, mode);
	if (stream && table_unconnected(table_get(fd)))
		unconnected_streams(fd);
	return stream;
}

/* The last words have to leave before the end, and fclose(3) tells of those that do not. */
DOOR int fclose(FILE *stream)
{
	int fd = stream ? fileno_unlocked(stream) : -1, flushed = 0, error = 0;
	if (fd >= 0 && table_get(fd)) {
		flushed = fflush(stream);
		error = errno;
		descriptor_ending(fd);
	}
	int result = real.fclose(stream);
	if (fd >= 0 && table_get(fd))
		descriptor_ended(fd);
	if (flushed == EOF && result == 0)
		errno = error;
	return flushed == EOF ? EOF : result;
}

/* Formatted here, written through the session, in one piece as dprintf(3) does. */
static int print(int fd, const char *format, va_list arguments)
{
	char small[512];
	va_list again;
	va_copy(again, arguments);
	int size = vsnprintf(small, sizeof small, format, arguments);
	char *text = small;
	if (size >= (int)sizeof small) {
		text = malloc((size_t)size + 1);
		if (text)
			vsnprintf(text, (size_t)size + 1, format, again);
	}
	va_end(again);
	int done = 0;
	while (text && done < size) {
		ssize_t put = write(fd, text + done, (size_t)(size - done));
		if (put <= 0)
			break;
		done += (int)put;
	}
	if (text != small)
		free(text);
	return size >= 0 && done < size ? -1 : size;
}

DOOR int vdprintf(int fd, const char *format, va_list arguments)
{
	if (!door_output(fd))
		return real.vdprintf(fd, format, arguments);
	return print(fd, format, arguments);
}

DOOR int dprintf(int fd, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int size = vdprintf(fd, format, arguments);
	va_end(arguments);
	return size;
}

DOOR int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
{
	if (!door_output(fd))
		return real.__vdprintf_chk(fd, flag, format, arguments);
	return print(fd, format, arguments);
}

DOOR int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int size = __vdprintf_chk(fd, flag, format, arguments);
	va_end(arguments);
	return size;
}

/* What is in the pipe now, as far as the session takes it. */
static bool pass_on(int from, int to)
{
	char piece[512];
	ssize_t got;
	while ((got = real.read(from, piece, sizeof piece)) > 0)
		for (ssize_t done = 0, put; done < got; done += put) {
			put = write(to, piece + done, (size_t)(got - done));
			if (put <= 0)
				return false;
		}
	return true;
}

/*
 * backtrace(3): may be called where malloc(3) may not, so libc writes its lines into a pipe, one at
 * a time, for which there is room.
 */
static void print_frames(void *const *frames, int count, int fd)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	bool goes_on = true;
	for (int i = 0; i < count && goes_on; i++) {
		real.backtrace_symbols_fd(frames + i, 1, ends[1]);
		goes_on = pass_on(ends[0], fd);
	}
	real.close(ends[0]);
	real.close(ends[1]);
}

DOOR void backtrace_symbols_fd(void *const *frames, int count, int fd)
{
	if (!door_output(fd)) {
		real.backtrace_symbols_fd(frames, count, fd);
		return;
	}
	int saved = errno;
	print_frames(frames, count, fd);
	errno = saved;
}
