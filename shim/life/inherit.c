/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that are open when the program starts. */
#include "shim/life/inherit.h"

#include "shim/base/kernel.h"
#include "shim/base/process.h"
#include "shim/base/real.h"
#include "shim/base/table.h"
#include "shim/life/birth.h"
#include "shim/life/carrier.h"
#include "shim/life/unconnected.h"
#include "shim/session/rulebook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* inetd's three numbers are one connection. */
static bool is_copy(int fd)
{
	uint64_t cookie = kernel_cookie(fd);
	for (int other = 0; cookie && other < table_end(); other++) {
		uint64_t entry = table_session(other);
		if (!entry || other == fd || kernel_cookie(other) != cookie)
			continue;
		table_swap(fd, entry);
		return true;
	}
	return false;
}

static bool is_unconnected_tcp(int fd)
{
	struct sockaddr_storage own;
	socklen_t length = sizeof own;
	return real.getsockname(fd, (struct sockaddr *)&own, &length) == 0 &&
	       birth_is_tcp(fd, (struct sockaddr *)&own) &&
	       !kernel_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 0);
}

static void look(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof peer;
	if ((unsigned)fd >= table_size)
		return;
	if (real.getpeername(fd, (struct sockaddr *)&peer, &length) < 0) {
		if (errno == ENOTCONN && is_unconnected_tcp(fd))
			unconnected_note(fd);
		return;
	}
	if (!birth_is_tcp(fd, (struct sockaddr *)&peer) || is_copy(fd) ||
	    birth_inherited(fd, (struct sockaddr *)&peer, length))
		return;
	if (fd <= STDERR_FILENO)
		kernel_shutdown(fd, SHUT_RDWR);
	table_swap(fd, TABLE_REFUSED);
}

/* stdio in libc does not pass our doors. */
static void carry(int fd)
{
	if (!carrier_if_due(fd))
		kernel_shutdown(fd, SHUT_RDWR);
}

void inherit_arrived(int fd)
{
	if (!table_size || process_is_guest() || !rulebook_concerns())
		return;
	int saved = errno;
	look(fd);
	carry(fd);
	errno = saved;
}

void inherit_connected(int fd)
{
	int saved = errno;
	struct sockaddr_storage peer;
	socklen_t length = sizeof peer;
	if (is_copy(fd))
		carry(fd);
	else if (real.getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
	         !birth_elsewhere(fd, (struct sockaddr *)&peer, length))
		table_swap(fd, TABLE_REFUSED);
	errno = saved;
}

/* getdents64(2) on the stack: opendir(3) would take the host's heap before main. */
static void look_at_all(void)
{
	struct entry {
		uint64_t inode;
		int64_t offset;
		unsigned short size;
		unsigned char type;
		char name[];
	};
	char buffer[2048] __attribute__((aligned(8)));
	int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0) { /* no /proc: at least the numbers that inetd uses */
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			look(fd);
		return;
	}
	long got;
	while ((got = real.syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < got;) {
			struct entry *e = (struct entry *)(buffer + at);
			if (e->name[0] != '.' && atoi(e->name) != folder)
				look(atoi(e->name));
			at += e->size;
		}
	real.close(folder);
}

void inherit_start(void)
{
	look_at_all();
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		carry(fd);
}
