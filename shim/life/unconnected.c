/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP sockets that have no connection yet. */
#include "shim/life/unconnected.h"

#include "shim/base/kernel.h"
#include "shim/base/process.h"
#include "shim/base/table.h"
#include "shim/life/birth.h"
#include "shim/life/descriptor.h"
#include "shim/life/inherit.h"
#include "shim/session/block.h"
#include "shim/session/outcome.h"

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
	if (table_unconnected(entry) && !process_is_guest())
		table_change(fd, entry, 0);
}

void unconnected_streams(int fd)
{
	table_change(fd, TABLE_UNCONNECTED, TABLE_STREAM);
}

bool unconnected_names(int fd, uint64_t mark, uint64_t entry)
{
	bool streams = mark == TABLE_STREAM;
	uint64_t cookie = 0;
	for (int other = 0; other < table_end(); other++) {
		mark = table_get(other);
		if (!table_unconnected(mark) || other == fd)
			continue;
		cookie = cookie ? cookie : kernel_cookie(fd);
		if (!cookie || kernel_cookie(other) != cookie)
			continue;
		streams |= mark == TABLE_STREAM || other <= STDERR_FILENO;
		table_swap(other, entry);
	}
	return streams;
}

void unconnected_again(int fd, bool streams)
{
	uint64_t entry = table_get(fd);
	bool named = table_is_session(entry);
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
	/* A connect of this process puts its session there before the kernel hears of it. */
	if (table_get(fd) != mark)
		return table_session(fd);
	if (state == TCP_CLOSE || state == TCP_SYN_SENT || process_is_guest())
		return 0;
	/* Not for a moment is it "nothing of ours" before that is known. */
	if (state >= 0 && state != TCP_LISTEN)
		inherit_connected(fd);
	table_change(fd, mark, 0);
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
	if ((flags & MSG_DONTWAIT) || kernel_nonblocking(fd))
		return OUTCOME_AGAIN;
	ssize_t waited = block_wait(fd, POLLOUT, INT64_MAX);
	return waited < 0 ? waited : OUTCOME_GONE;
}
