/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP sockets that have no connection yet. */
#include "shim/life/unconnected.h"

#include "shim/base/arena.h"
#include "shim/base/kernel.h"
#include "shim/base/process.h"
#include "shim/base/real.h"
#include "shim/base/table.h"
#include "shim/life/birth.h"
#include "shim/life/descriptor.h"
#include "shim/life/inherit.h"
#include "shim/session/outcome.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

void unconnected_note(int fd)
{
	if ((unsigned)fd < table_size && !process_is_guest())
		table_swap(fd, TABLE_UNCONNECTED);
}

void unconnected_listens(int fd)
{
	uint64_t entry = table_get(fd);
	if (table_unconnected(entry))
		table_change(fd, entry, 0);
}

void unconnected_streams(int fd)
{
	table_change(fd, TABLE_UNCONNECTED, TABLE_STREAM);
}

bool unconnected_names(int fd, uint64_t mark, uint64_t entry)
{
	bool streams = mark == TABLE_STREAM;
	uint64_t cookie = kernel_cookie(fd);
	for (int other = 0; cookie && other < table_end(); other++) {
		mark = table_get(other);
		if (!table_unconnected(mark) || other == fd || kernel_cookie(other) != cookie)
			continue;
		streams |= mark == TABLE_STREAM || other <= STDERR_FILENO;
		table_swap(other, entry);
	}
	return streams;
}

void unconnected_again(int fd, bool streams)
{
	uint64_t entry = table_get(fd);
	bool named = (entry & 1) && table_slot(entry) < ARENA_SLOTS;
	for (int other = named ? 0 : fd; other <= fd || (named && other < table_end()); other++)
		if (table_get(other) == entry) {
			descriptor_created(other);
			unconnected_note(other);
		}
	if (streams)
		unconnected_streams(fd);
}

/* tcp(7), TCP_INFO: its first byte is the state. */
static int state_of(int fd)
{
	uint8_t state;
	socklen_t length = sizeof state;
	return kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) < 0 ? -1 : state;
}

uint64_t unconnected_settle(int fd)
{
	uint64_t mark = table_get(fd);
	int state = state_of(fd);
	if (state == TCP_CLOSE || state == TCP_SYN_SENT || process_is_guest())
		return 0;
	table_change(fd, mark, 0);
	if (state >= 0 && state != TCP_LISTEN)
		inherit_connected(fd);
	return table_session(fd);
}

/* send(2) of nothing: EPIPE, the error of a connect that failed, or EAGAIN while one is under way
 * that is not this number's. */
ssize_t unconnected_refusal(int fd, int flags)
{
	ssize_t said = kernel_send(fd, "", 0, 0);
	if (said == -EPIPE)
		return OUTCOME_PIPE;
	if (said != -EAGAIN)
		return said < 0 ? OUTCOME_ERRNO + said : OUTCOME_GONE;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	if ((flags & MSG_DONTWAIT) || kernel_nonblocking(fd))
		return OUTCOME_AGAIN;
	return real.poll(&p, 1, -1) < 0 ? OUTCOME_ERRNO - errno : OUTCOME_GONE;
}
