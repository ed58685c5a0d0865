/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the stdio calls that reach a descriptor without coming through read or write. */
#include "shim/life/door.h"

#include "shim/life/carrier.h"

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

DOOR int fclose(FILE *stream)
{
	int fd = stream ? fileno_unlocked(stream) : -1;
	if (fd >= 0 && table_get(fd)) {
		fflush(stream);
		descriptor_ending(fd);
	}
	int result = real.fclose(stream);
	if (fd >= 0 && table_get(fd))
		descriptor_ended(fd);
	return result;
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
