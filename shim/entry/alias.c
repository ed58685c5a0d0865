/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the second names under which glibc exports some calls. */
#include "shim/life/door.h"

#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

DOOR ssize_t __read(int fd, void *buffer, size_t size)
{
	return read(fd, buffer, size);
}

DOOR ssize_t __write(int fd, const void *buffer, size_t size)
{
	return write(fd, buffer, size);
}

DOOR ssize_t __send(int fd, const void *buffer, size_t size, int flags)
{
	return send(fd, buffer, size, flags);
}

DOOR int __sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	return sendmmsg(fd, messages, count, flags);
}

DOOR int __connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return connect(fd, address, length);
}

DOOR int __close(int fd)
{
	return close(fd);
}

DOOR int __dup2(int fd, int to)
{
	return dup2(fd, to);
}

DOOR int __poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return poll(fds, count, timeout);
}

DOOR int __select(int count, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
	return select(count, r, w, e, timeout);
}

DOOR int __fcntl(int fd, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	long argument = va_arg(arguments, long);
	va_end(arguments);
	return fcntl(fd, command, argument);
}

DOOR pid_t __fork(void)
{
	return fork();
}

DOOR FILE *_IO_fdopen(int fd, const char *mode)
{
	return fdopen(fd, mode);
}

DOOR int _IO_fclose(FILE *stream)
{
	return fclose(stream);
}

DOOR void __backtrace_symbols_fd(void *const *frames, int count, int fd)
{
	backtrace_symbols_fd(frames, count, fd);
}

DOOR FILE *_IO_popen(const char *command, const char *mode)
{
	return popen(command, mode);
}
