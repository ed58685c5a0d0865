/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the calls that move bytes between two descriptors. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/base/scratch.h"
#include "shim/life/order.h"
#include "shim/session/pending.h"
#include "shim/session/record.h"
#include "shim/session/session.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one round carries: four records. */
enum { CHUNK = 4 * TLS_PLAIN };

/* Where a file ends; 0: not known.  What the count asks for beyond it does not follow, and must not
 * be waited for. */
static off64_t end_of(int in)
{
	struct stat status;
	return fstat(in, &status) == 0 && S_ISREG(status.st_mode) ? status.st_size : 0;
}

/*
 * sendfile(2).  The file is read at its place, not through its position, and the position (or
 * *offset) is moved by what was really sent: nothing is read that the socket does not take.
 */
static ssize_t copy_file(int out, uint64_t entry, int in, off64_t at, size_t size,
                         uint8_t *scratch)
{
	size_t done = 0;
	ssize_t result = 0;
	off64_t end = -1;
	while (done < size) {
		size_t part = size - done < CHUNK ? size - done : CHUNK;
		ssize_t got = pread64(in, scratch, part, at + (off64_t)done);
		if (got <= 0) {
			result = got < 0 ? OUTCOME_ERRNO - errno : 0;
			break;
		}
		struct iovec v = {scratch, (size_t)got};
		bool more = (size_t)got < size - done;
		if (more && end < 0)
			end = end_of(in);
		more = more && at + (off64_t)done + got < end;
		result = block_send(out, entry, &v, 1, more ? MSG_MORE : 0);
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
	order_await(out, entry, false);
	pthread_cleanup_push(scratch_clean_up, scratch);
	result = copy_file(out, entry, in, at, size, scratch);
	pthread_cleanup_pop(true);
	if (result > 0 && offset)
		*offset = at + result;
	else if (result > 0)
		lseek64(in, at + result, SEEK_SET);
	return result;
}

/* ---- between a session and a pipe ------------------------------------------------------------ */

/* fcntl(2): the flags of a pipe's end; -1 where it is none, or the wrong end. */
static int pipe_flags(int fd, int wrong)
{
	int flags = real.fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == wrong)
		return -1;
	return real.fcntl(fd, F_GETPIPE_SZ) < 0 ? -1 : flags;
}

/*
 * How the kernel splices, and so do we: the pipe comes first, and alone heeds SPLICE_F_NONBLOCK and
 * its own O_NONBLOCK; whether to wait for the socket is the socket's affair.
 */
static ssize_t wait_pipe(int fd, short events, bool waits)
{
	return block_wait(fd, events, waits ? INT64_MAX : 0);
}

/* The pipe was ready, and somebody else was faster. */
#define MISSED (OUTCOME_ERRNO - EAGAIN)

/* ---- from a session -------------------------------------------------------------------------- */

/* Looked at first, taken when the pipe has it. */
static ssize_t pour(int in, uint64_t entry, int out, size_t size, uint8_t *scratch)
{
	struct iovec v = {scratch, size < CHUNK ? size : CHUNK};
	ssize_t seen = size ? block_receive(in, entry, &v, 1, MSG_PEEK) : 0;
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
			                          : pour(in, entry, out, size, scratch);
	} while (result == MISSED && waits);
	pthread_cleanup_pop(true);
	return result;
}

/* ---- to a session ---------------------------------------------------------------------------- */

/* How much it takes now, at the most size bytes; OUTCOME_AGAIN, and it will report EPOLLOUT. */
static ssize_t room_of(struct session *s, int out, size_t size)
{
	session_advance(s, out);
	if ((s->state == SESSION_OPEN || s->state == SESSION_SHUT_READ) && !s->shutdown_wanted) {
		size_t room = record_flush(s, out) ? record_room(s, out, size) : 0;
		return room ? (ssize_t)room : OUTCOME_AGAIN;
	}
	if (s->state > SESSION_HANDSHAKING)
		return OUTCOME_RESET;
	if (!s->to_self && !kernel_nonblocking(out))
		return OUTCOME_AGAIN; /* as a write does, it waits for the handshake */
	ssize_t refused = session_write_early(s, out, (const uint8_t *)"", 0);
	size_t room = SESSION_EARLY - s->early_end;
	return refused ? refused : (ssize_t)(size < room ? size : room);
}

/* Under one lock, so that the session takes what has left the pipe, whoever else writes to it. */
static ssize_t feed(struct session *s, int in, int out, size_t size, uint8_t *scratch)
{
	ssize_t room = room_of(s, out, size < CHUNK ? size : CHUNK);
	if (room < 0)
		return room;
	ssize_t got = kernel_pipe_read(in, scratch, (size_t)room);
	if (got <= 0)
		return got ? OUTCOME_ERRNO + got : 0;
	if (s->state <= SESSION_HANDSHAKING)
		return session_write_early(s, out, scratch, (size_t)got);
	struct iovec v = {scratch, (size_t)got};
	return record_write(s, out, (struct vector){&v, 1, 0}, (size_t)got, 0);
}

static ssize_t wait_session(int out, uint64_t entry, bool opening)
{
	if (!opening)
		return block_wait(out, POLLOUT, kernel_deadline(out, SO_SNDTIMEO));
	ssize_t done = block_handshake(out, entry);
	return done == OUTCOME_RESET ? 0 : done; /* who asks next hears why */
}

/* The pipe has something.  An error, or that the session is shut, is told before it loses any. */
static ssize_t drain(int in, int out, uint64_t entry, size_t size, uint8_t *scratch)
{
	if (table_unconnected(entry))
		return unconnected_refusal(out, 0);
	struct iovec nothing = {scratch, 0};
	for (;;) {
		ssize_t result = block_send(out, entry, &nothing, 1, 0);
		if (result < 0)
			return result;
		struct session *s = session_enter_by(out, entry);
		if (!s)
			return session_absent(out, entry);
		result = feed(s, in, out, size, scratch);
		bool opening = s->state <= SESSION_HANDSHAKING && !s->to_self;
		bool keeps = session_is_up(s) && s->tail;
		session_leave(s);
		if (keeps) /* what the kernel has not taken leaves though nobody writes again */
			pending_keep(out, entry);
		if (result == OUTCOME_AGAIN && !kernel_nonblocking(out)) {
			result = wait_session(out, entry, opening);
			if (result < 0)
				return result;
		} else if (result != OUTCOME_RESET) {
			return result;
		}
	}
}

/* Until all is moved, the pipe empty, or the session full: a short count means that. */
static ssize_t pipe_to_session(int in, int out, uint64_t entry, size_t size, bool waits)
{
	uint8_t *scratch = scratch_take();
	if (!scratch)
		return OUTCOME_NO_MEMORY;
	size_t done = 0;
	ssize_t result;
	order_await(out, entry, false);
	pthread_cleanup_push(scratch_clean_up, scratch);
	do {
		result = wait_pipe(in, POLLIN, waits && !done);
		if (result > 0)
			result = result & POLLIN
				? drain(in, out, entry, size - done, scratch) : 0; /* its end */
		if (result > 0)
			done += (size_t)result;
	} while (done < size && (result > 0 || (result == MISSED && waits && !done)));
	pthread_cleanup_pop(true);
	return done ? (ssize_t)done : result;
}

/* ---- doors ----------------------------------------------------------------------------------- */

/*
 * What cannot be moved at all is the kernel's to refuse: it knows the errno.  A number may have
 * become another's, or the socket may have got its connection, while the call waited.
 */
static bool look_again(ssize_t result, int fd, uint64_t entry)
{
	return result == OUTCOME_GONE && (!(entry & 1) || descriptor_settled(fd, entry));
}

DOOR ssize_t sendfile64(int out, int in, off64_t *offset, size_t size)
{
	uint64_t to = door_output(out), from = to ? 0 : door_session(in);
	int pipe = from && !offset ? pipe_flags(out, O_RDONLY) : -1;
	if (!to && pipe < 0)
		return real.sendfile64(out, in, offset, size);
	int saved = errno;
	ssize_t result;
	if (table_unconnected(to))
		result = unconnected_refusal(out, 0);
	else if (to)
		result = file_to_session(out, to, in, offset, size);
	else
		result = session_to_pipe(in, from, out, size, !(pipe & O_NONBLOCK));
	errno = saved;
	if (look_again(result, to ? out : in, to ? to : from))
		return sendfile64(out, in, offset, size);
	return door_report(result, false);
}

DOOR ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
	_Static_assert(sizeof(off_t) == sizeof(off64_t), "one sendfile serves both");
	if (!door_output(out) && !door_session(in))
		return real.sendfile(out, in, offset, size);
	return sendfile64(out, in, offset, size);
}

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
	ssize_t result = from ? session_to_pipe(in, from, out, size, waits)
	                      : pipe_to_session(in, out, to, size, waits);
	errno = saved;
	if (look_again(result, from ? in : out, from ? from : to))
		return splice(in, in_offset, out, out_offset, size, flags);
	return door_report(result, false);
}
