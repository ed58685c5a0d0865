/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the calls that move bytes between two descriptors. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/base/scratch.h"
#include "shim/session/record.h"
#include "shim/session/session.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <unistd.h>

/* What one round carries: four records. */
enum { CHUNK = 4 * TLS_PLAIN };

/*
 * sendfile(2).  The file is read at its place, not through its position, and the position (or
 * *offset) is moved by what was really sent: nothing is read that the socket does not take.
 */
static ssize_t copy_file(int out, uint64_t entry, int in, off64_t at, size_t size,
                         uint8_t *scratch)
{
	size_t done = 0;
	ssize_t result = 0;
	while (done < size) {
		size_t part = size - done < CHUNK ? size - done : CHUNK;
		ssize_t got = pread64(in, scratch, part, at + (off64_t)done);
		if (got <= 0) {
			result = got < 0 ? OUTCOME_ERRNO - errno : 0;
			break;
		}
		struct iovec v = {scratch, (size_t)got};
		int more = (size_t)got < size - done ? MSG_MORE : 0;
		result = block_send(out, entry, &v, 1, more);
		if (result > 0)
			done += (size_t)result;
		if (result < got)
			break;
	}
	return done ? (ssize_t)done : result;
}

static ssize_t file_to_session(int out, uint64_t entry, int in, off64_t *offset, size_t size)
{
	off64_t at = offset ? *offset : lseek64(in, 0, SEEK_CUR);
	if (at < 0)
		return OUTCOME_ERRNO - (!offset && errno == EBADF ? EBADF : EINVAL);
	uint8_t *scratch = scratch_take();
	if (!scratch)
		return OUTCOME_NO_MEMORY;
	ssize_t result;
	pthread_cleanup_push(scratch_clean_up, scratch);
	result = copy_file(out, entry, in, at, size, scratch);
	pthread_cleanup_pop(true);
	if (result > 0 && offset)
		*offset = at + result;
	else if (result > 0)
		lseek64(in, at + result, SEEK_SET);
	return result;
}

DOOR ssize_t sendfile64(int out, int in, off64_t *offset, size_t size)
{
	uint64_t entry = door_output(out);
	if (!entry)
		return real.sendfile64(out, in, offset, size);
	int saved = errno;
	ssize_t result = table_unconnected(entry)
		? unconnected_refusal(out, 0) : file_to_session(out, entry, in, offset, size);
	errno = saved;
	return door_report(result, false);
}

DOOR ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
	_Static_assert(sizeof(off_t) == sizeof(off64_t), "one sendfile serves both");
	if (!door_output(out))
		return real.sendfile(out, in, offset, size);
	return sendfile64(out, in, offset, size);
}

/* ---- splice ---------------------------------------------------------------------------------- */

/* fcntl(2): the flags of a pipe's end; -1 where it is none, or the wrong end. */
static int pipe_flags(int fd, int wrong)
{
	int flags = real.fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == wrong)
		return -1;
	return real.fcntl(fd, F_GETPIPE_SZ) < 0 ? -1 : flags;
}

/* signal(7), SA_RESTART: a wait without an end goes on, and a look is no wait at all. */
static bool goes_on(int64_t deadline)
{
	return errno == EINTR && (!deadline || (deadline == INT64_MAX && kernel_restarts()));
}

/* What poll says, or an outcome. */
static ssize_t wait_until(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	int ready;
	do
		ready = block_poll(&p, 1, deadline, NULL, false);
	while (ready < 0 && goes_on(deadline));
	if (ready < 0)
		return errno == EINTR ? OUTCOME_INTERRUPTED : OUTCOME_ERRNO - errno;
	return ready ? p.revents : OUTCOME_AGAIN;
}

static ssize_t wait_pipe(int fd, short events, bool waits)
{
	return wait_until(fd, events, waits ? INT64_MAX : 0);
}

/* The pipe was ready, and somebody else was faster. */
#define MISSED (OUTCOME_ERRNO - EAGAIN)

static ssize_t fill_room(int in, int out, uint64_t entry, size_t room, unsigned flags)
{
	uint8_t *scratch = scratch_take();
	if (!scratch)
		return OUTCOME_NO_MEMORY;
	struct pollfd p = {.fd = in, .events = POLLIN};
	bool empty = (flags & SPLICE_F_NONBLOCK) && real.poll(&p, 1, 0) == 0;
	ssize_t result = OUTCOME_AGAIN;
	pthread_cleanup_push(scratch_clean_up, scratch);
	if (!empty)
		result = real.read(in, scratch, room < CHUNK ? room : CHUNK);
	if (!empty && result < 0)
		result = OUTCOME_ERRNO - errno;
	struct iovec v = {scratch, (size_t)result};
	if (result > 0)
		result = block_send(out, entry, &v, 1, 0);
	pthread_cleanup_pop(true);
	return result;
}

/* The kernel's room is asked first: what has left the pipe must be taken. */
static ssize_t pipe_to_session(int in, int out, uint64_t entry, size_t size, unsigned flags)
{
	for (;;) {
		struct session *s = session_enter_by(out, entry);
		if (!s)
			return session_absent(out, entry);
		session_advance(s, out);
		size_t room = 0;
		if (session_is_up(s))
			room = record_flush(s, out) ? record_room(s, out, size) : 0;
		else if (s->state != SESSION_FAILED)
			room = SESSION_EARLY - s->early_end;
		bool failed = s->state == SESSION_FAILED || s->kernel_error;
		session_leave(s);
		if (failed)
			room = 1; /* the write below finds the errno */
		if (room)
			return fill_room(in, out, entry, size < room ? size : room, flags);
		if ((flags & SPLICE_F_NONBLOCK) || kernel_nonblocking(out))
			return OUTCOME_AGAIN;
		struct pollfd p = {.fd = out, .events = POLLOUT};
		if (block_poll(&p, 1, INT64_MAX, NULL, false) < 0)
			return OUTCOME_ERRNO - errno;
	}
}

/* Looked at first, taken when the pipe has it. */
static ssize_t pour(int in, uint64_t entry, int out, size_t size, bool waits,
                    uint8_t *scratch)
{
	struct iovec v = {scratch, size < CHUNK ? size : CHUNK};
	int wait = waits ? 0 : MSG_DONTWAIT;
	ssize_t seen = size ? block_receive(in, entry, &v, 1, MSG_PEEK | wait) : 0;
	if (seen <= 0)
		return seen;
	ssize_t put = kernel_pipe_write(out, scratch, (size_t)seen);
	if (put < 0)
		return OUTCOME_ERRNO + put;
	v.iov_len = (size_t)put;
	block_receive(in, entry, &v, 1, MSG_DONTWAIT);
	return put;
}

static ssize_t session_to_pipe(int in, uint64_t entry, int out, size_t size, bool waits)
{
	uint8_t *scratch = scratch_take();
	if (!scratch)
		return OUTCOME_NO_MEMORY;
	ssize_t result;
	pthread_cleanup_push(scratch_clean_up, scratch);
	do {
		result = wait_pipe(out, POLLOUT, waits);
		if (result > 0)
			result = result & POLLERR ? OUTCOME_PIPE /* nobody reads it */
			                          : pour(in, entry, out, size, waits, scratch);
	} while (result == MISSED && waits);
	pthread_cleanup_pop(true);
	return result;
}

/* What cannot be moved at all is the kernel's to refuse: it knows the errno. */
enum { SPLICE_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT };

DOOR ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
                    unsigned int flags)
{
	uint64_t from = door_session(in), to = door_output(out);
	bool moves = (from || to) && size && !in_offset && !out_offset && !(flags & ~SPLICE_FLAGS);
	int pipe = !moves ? -1 : from ? pipe_flags(out, O_RDONLY) : pipe_flags(in, O_WRONLY);
	if (pipe < 0)
		return real.splice(in, in_offset, out, out_offset, size, flags);
	int saved = errno;
	bool waits = !(flags & SPLICE_F_NONBLOCK) && !(pipe & O_NONBLOCK);
	ssize_t result;
	if (table_unconnected(to))
		result = unconnected_refusal(out, flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0);
	else
		result = to ? pipe_to_session(in, out, to, size, flags)
		            : session_to_pipe(in, from, out, size, waits);
	errno = saved;
	return door_report(result, false);
}
