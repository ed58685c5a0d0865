/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking, timeouts and interruptions: what a socket call does when nothing can be done now. */
#include "shim/session/block.h"

#include "shim/base/kernel.h"
#include "shim/base/real.h"
#include "shim/base/scratch.h"
#include "shim/base/table.h"
#include "shim/session/pending.h"
#include "shim/session/record.h"
#include "shim/session/session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

/* ---- poll, with handshakes going on behind it ------------------------------------------------ */

enum { HIDDEN = 64, FEW = 16, TURN = 100000000 /* ns */ };

static void advance(int fd, uint64_t entry)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return;
	session_advance(s, fd);
	session_leave(s);
}

short block_refine(int fd, uint64_t entry, short asked, short said)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return said;
	if (s->state <= SESSION_HANDSHAKING) {
		session_advance(s, fd);
		if (s->state > SESSION_HANDSHAKING)
			said = (short)kernel_poll(fd, asked);
	}
	if (s->state <= SESSION_HANDSHAKING) {
		said &= (short)~(POLLIN | POLLRDNORM);
		if (s->early_end == SESSION_EARLY)
			said &= (short)~(POLLOUT | POLLWRNORM);
	} else if (session_is_up(s)) {
		bool flushed = record_flush(s, fd) || s->kernel_error;
		if (!flushed)
			said &= (short)~(POLLOUT | POLLWRNORM);
		/* A reader must not be woken for half a record: it would wait, or take EAGAIN for
		 * the end.  An error is not looked at, for the kernel tells it once. */
		if ((said & (POLLIN | POLLRDNORM)) && !(said & POLLERR) && !record_readable(s, fd))
			said &= (short)~(POLLIN | POLLRDNORM);
	}
	session_leave(s);
	return said;
}

static struct timespec *until(int64_t deadline, struct timespec *left)
{
	if (deadline == INT64_MAX)
		return NULL;
	int64_t wait = deadline - kernel_now();
	if (wait < 0)
		wait = 0;
	*left = (struct timespec){wait / 1000000000, wait % 1000000000};
	return left;
}

/*
 * While a handshake's own buffer is full the kernel's room to write is no news: asking for it
 * would spin.
 */
static short events_to_ask(const struct pollfd *p)
{
	uint64_t entry = table_session(p->fd);
	if (!entry || session_peek_state(entry) > SESSION_HANDSHAKING)
		return p->events;
	struct session *s = session_enter_by(p->fd, entry);
	if (!s)
		return p->events;
	session_advance(s, p->fd);
	short events = p->events;
	if (s->state <= SESSION_HANDSHAKING && s->early_end == SESSION_EARLY)
		events = (short)((events & ~(POLLOUT | POLLWRNORM)) | POLLIN);
	session_leave(s);
	return events;
}

struct hidden {
	uint64_t entries[HIDDEN];
	struct pollfd set[]; /* the program's, then ours */
};

/* What woke us was not the program's: a signal that only its mask lets in has waited for that. */
static int signal_due(const sigset_t *mask)
{
	struct timespec none = {0, 0};
	return mask ? real.ppoll(NULL, 0, &none, mask) : 0;
}

/*
 * RLIMIT_NOFILE bounds how many poll(2) takes, and a program that has locked itself in may have set
 * it to 0 (vsftpd, OpenSSH's sandbox): the handshakes behind are tried in turn then, and what we
 * wait for where the program does not poll, select(2) takes.
 */
static int wait_within_limit(struct pollfd *set, nfds_t count, struct timespec *left,
                             const sigset_t *mask)
{
	fd_set in, out;
	if (count != 1 || (unsigned)set->fd >= FD_SETSIZE)
		return real.ppoll(set, count, left, mask);
	FD_ZERO(&in);
	FD_ZERO(&out);
	if (set->events & POLLIN)
		FD_SET(set->fd, &in);
	if (set->events & POLLOUT)
		FD_SET(set->fd, &out);
	int ready = real.pselect(set->fd + 1, &in, &out, NULL, left, mask);
	if (ready <= 0)
		return ready;
	set->revents = (short)((FD_ISSET(set->fd, &in) ? POLLIN : 0) |
	                       (FD_ISSET(set->fd, &out) ? POLLOUT : 0));
	return 1;
}

/* The first few of the sessions in a set. */
struct waits {
	unsigned count;
	uint64_t entries[FEW];
};

static void begin_waiting(struct waits *w, const struct pollfd *fds, nfds_t count)
{
	w->count = 0;
	for (nfds_t i = 0; i < count && w->count < FEW; i++) {
		uint64_t entry = table_session(fds[i].fd);
		if (!entry || session_peek_state(entry) == SESSION_FAILED)
			continue;
		session_waits(entry);
		w->entries[w->count++] = entry;
	}
}

static void end_waiting(const struct waits *w)
{
	for (unsigned i = 0; i < w->count; i++)
		session_waited(w->entries[i]);
}

static int poll_once(struct hidden *h, struct pollfd *fds, nfds_t count, int64_t deadline,
                     const sigset_t *mask, bool only_hidden)
{
	for (nfds_t i = 0; i < count; i++) {
		h->set[i] = fds[i];
		h->set[i].revents = 0;
		h->set[i].events = events_to_ask(&fds[i]);
		/* The bytes that would wake us may be another thread's to take. */
		if (h->set[i].events != fds[i].events && deadline > kernel_now() + TURN)
			deadline = kernel_now() + TURN;
	}
	unsigned extra = pending_any()
		? pending_collect(only_hidden ? PENDING_HIDDEN : PENDING_ALL, h->set + count,
		                  h->entries, HIDDEN, &deadline) : 0;
	struct timespec left, *limit = until(deadline, &left);
	bool sleeps = !limit || left.tv_sec || left.tv_nsec;
	struct waits waits;
	begin_waiting(&waits, fds, sleeps ? count : 0);
	int ready = real.ppoll(h->set, count + extra, limit, mask);
	if (ready < 0 && errno == EINVAL && (extra || count == 1)) {
		int64_t soon = kernel_now() + TURN / 10;
		for (unsigned i = 0; i < extra; i++)
			h->set[count + i].revents = h->set[count + i].events;
		deadline = extra && soon < deadline ? soon : deadline;
		ready = wait_within_limit(h->set, count, until(deadline, &left), mask);
	}
	end_waiting(&waits);
	if (ready < 0)
		return ready;
	/* The program's first: where a handshake ends behind its back, the kernel's word is old. */
	int told = 0;
	for (nfds_t i = 0; ready && i < count; i++) {
		short said = h->set[i].revents;
		uint64_t entry = said ? table_session(fds[i].fd) : 0;
		if (entry)
			said = block_refine(fds[i].fd, entry, fds[i].events, said);
		fds[i].revents = said & (fds[i].events | POLLERR | POLLHUP | POLLNVAL);
		told += fds[i].revents != 0;
	}
	for (unsigned i = 0; i < extra; i++)
		if (h->set[count + i].revents)
			advance(h->set[count + i].fd, h->entries[i]);
	return told || !ready ? told : signal_due(mask);
}

static int poll_until(struct hidden *set, struct pollfd *fds, nfds_t count, int64_t deadline,
                      const sigset_t *mask, bool only_hidden)
{
	int result, saved = errno;
	do {
		result = poll_once(set, fds, count, deadline, mask, only_hidden);
	} while (result == 0 && kernel_now() < deadline);
	if (result == 0)
		for (nfds_t i = 0; i < count; i++)
			fds[i].revents = 0;
	if (result >= 0)
		errno = saved;
	return result;
}

int block_poll(struct pollfd *fds, nfds_t count, int64_t deadline, const sigset_t *mask,
               bool only_hidden)
{
	uint64_t few[(sizeof(struct hidden) + (FEW + HIDDEN) * sizeof *fds) / 8];
	if (count <= FEW)
		return poll_until((struct hidden *)few, fds, count, deadline, mask, only_hidden);
	size_t size = sizeof(struct hidden) + (count + HIDDEN) * sizeof *fds;
	uint8_t *scratch = size > SCRATCH_SIZE ? NULL : scratch_take();
	if (!scratch) { /* more than fits here: as it is, without what goes on behind */
		struct timespec left;
		return real.ppoll(fds, count, until(deadline, &left), mask);
	}
	int result;
	pthread_cleanup_push(scratch_clean_up, scratch);
	result = poll_until((struct hidden *)scratch, fds, count, deadline, mask, only_hidden);
	pthread_cleanup_pop(true);
	return result;
}

/* ---- waiting for one session ----------------------------------------------------------------- */

/*
 * Several threads may wait for one handshake, a reader and a writer.  Were both to poll, the bytes
 * that wake both would be taken by one, and the other would sleep on.  So one of them polls, and
 * the others wait for its turn to end; a turn is short, should its owner be cancelled in it.
 */

static bool take_turn(int fd, uint64_t entry, bool *done, uint32_t *turn)
{
	struct session *s = session_enter_by(fd, entry);
	*done = true;
	if (!s)
		return false;
	session_advance(s, fd);
	*done = s->state > SESSION_HANDSHAKING;
	*turn = s->turn;
	bool free = !*done && kernel_now() >= s->driven_until;
	if (free)
		s->driven_until = kernel_now() + 2 * TURN;
	session_leave(s);
	return free;
}

static void end_turn(uint64_t entry)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	s->driven_until = 0;
	s->turn++;
	kernel_wake(&s->turn);
	session_leave(s);
}

/* Moves the handshake on, and those behind it, until it is done: 1, or an outcome. */
static ssize_t wait_handshake(int fd, uint64_t entry, int64_t deadline)
{
	int saved = errno;
	ssize_t result = 1;
	for (;;) {
		bool done;
		uint32_t turn;
		bool mine = take_turn(fd, entry, &done, &turn);
		int64_t now = kernel_now(), until = now + TURN < deadline ? now + TURN : deadline;
		if (done)
			break;
		if (now >= deadline) {
			if (mine)
				end_turn(entry);
			result = OUTCOME_AGAIN;
			break;
		}
		int error = 0;
		if (mine) {
			uint64_t few[(sizeof(struct hidden) +
			              (1 + HIDDEN) * sizeof(struct pollfd)) / 8];
			struct pollfd p = {.fd = fd, .events = POLLIN};
			if (poll_once((struct hidden *)few, &p, 1, until, NULL, false) < 0)
				error = errno;
			end_turn(entry);
		} else {
			error = kernel_wait(&session_at(entry)->turn, turn, until - now);
		}
		if (error && !(error == EINTR && deadline == INT64_MAX && kernel_restarts())) {
			result = error == EINTR ? OUTCOME_INTERRUPTED : OUTCOME_ERRNO - error;
			break;
		}
	}
	errno = saved;
	return result;
}

/* socket(7): with a timeout set, an interrupted call is never restarted; a look is no wait. */
static bool goes_on(int64_t deadline)
{
	return errno == EINTR && (!deadline || (deadline == INT64_MAX && kernel_restarts()));
}

ssize_t block_wait(int fd, short events, int64_t deadline)
{
	int saved = errno;
	struct pollfd p = {.fd = fd, .events = events};
	int ready, error;
	do {
		ready = block_poll(&p, 1, deadline, NULL, false);
		error = errno;
	} while (ready < 0 && goes_on(deadline));
	errno = saved;
	if (ready < 0)
		return error == EINTR ? OUTCOME_INTERRUPTED : OUTCOME_ERRNO - error;
	return ready ? p.revents : OUTCOME_AGAIN;
}

/* The kernel tells an error once; the next look tells the program. */
static void note_failure(int fd, uint64_t entry, int error)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return;
	if (session_is_up(s))
		record_failed(s, fd, error);
	session_leave(s);
}

/*
 * A blocking read of an open session waits in a recv(2) that takes nothing: the kernel then does
 * SO_RCVTIMEO, SA_RESTART and cancellation as it always does.  But the time is the call's: what is
 * left of it after the first wait, for half a record or a part of MSG_WAITALL's, is waited by us.
 */
static ssize_t wait_to_read(int fd, uint64_t entry, int64_t *deadline)
{
	bool first = !*deadline;
	if (first)
		*deadline = kernel_deadline(fd, SO_RCVTIMEO);
	if (session_peek_state(entry) <= SESSION_HANDSHAKING)
		return wait_handshake(fd, entry, *deadline);
	int saved = errno;
	if (!pending_any() && (first || *deadline == INT64_MAX)) {
		uint8_t byte;
		session_waits(entry);
		ssize_t seen = real.recv(fd, &byte, 1, MSG_PEEK);
		int error = errno;
		session_waited(entry);
		errno = saved;
		if (seen < 0 && error == EINTR)
			return OUTCOME_INTERRUPTED;
		bool late = seen < 0 && error == EAGAIN;
		if (seen < 0 && !late)
			note_failure(fd, entry, error);
		if (!late || !kernel_nonblocking(fd))
			return late ? OUTCOME_AGAIN : 1;
	}
	errno = saved;
	return block_wait(fd, POLLIN, *deadline);
}

static ssize_t wait_to_write(int fd, uint64_t entry, int64_t deadline)
{
	bool opening = session_peek_state(entry) <= SESSION_HANDSHAKING;
	struct session *s = opening ? session_enter_by(fd, entry) : NULL;
	bool to_self = s && s->to_self;
	if (s)
		session_leave(s);
	if (s && !to_self)
		return wait_handshake(fd, entry, deadline);
	return block_wait(fd, POLLOUT, deadline);
}

/* ---- reading --------------------------------------------------------------------------------- */

/*
 * A connect that failed has its own errno, which the kernel tells once.  After a reset was told
 * TCP says end-of-file; after any other failure it stays an error, for there the end of the
 * stream would be a lie.
 */
static ssize_t failure(struct session *s, int fd)
{
	uint8_t byte;
	bool told = s->reset_told;
	ssize_t seen = kernel_recv(fd, &byte, 1, MSG_PEEK);
	s->reset_told = true;
	if (seen < 0 && !kernel_passing(seen) && seen != -ENOTCONN)
		return OUTCOME_ERRNO + seen;
	if (!told && session_broken(s))
		return OUTCOME_ERRNO - s->kernel_error;
	return told && s->reason == REGISTRY_RESET ? OUTCOME_END : OUTCOME_RESET;
}

/* A failure is told to a call that has nothing else to tell, so that the next one can. */
static ssize_t tell(int fd, uint64_t entry, ssize_t outcome, bool writing)
{
	struct session *s = outcome == OUTCOME_RESET ? session_enter_by(fd, entry) : NULL;
	if (!s)
		return outcome;
	bool told = s->reset_told;
	outcome = failure(s, fd);
	session_leave(s);
	if (writing && told && outcome > OUTCOME_ERRNO)
		return OUTCOME_PIPE;
	return outcome == OUTCOME_END ? 0 : outcome;
}

/* What the kernel has not taken must leave though the program may not write again. */
static void leave(struct session *s, int fd, uint64_t entry)
{
	bool waits = session_is_up(s) && s->tail;
	session_leave(s);
	if (__builtin_expect(waits, 0))
		pending_keep(fd, entry);
}

static ssize_t read_flat(struct session *s, int fd, uint8_t *dst, size_t size, int flags)
{
	if (s->state <= SESSION_HANDSHAKING) {
		session_advance(s, fd);
		if (s->state <= SESSION_HANDSHAKING)
			return s->read_shut ? OUTCOME_END : OUTCOME_AGAIN;
	}
	if (s->state == SESSION_FAILED)
		return OUTCOME_RESET;
	if (s->tail)
		record_flush(s, fd);
	if (flags & MSG_PEEK)
		return record_peek(s, fd, dst, size);
	return record_read(s, fd, dst, size);
}

/* One look, under the lock: up to size bytes of what is there. */
static ssize_t read_now(int fd, uint64_t entry, struct vector v, size_t size, int flags)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return session_absent(fd, entry);
	ssize_t got;
	if (v.count == 1 && !(flags & MSG_TRUNC)) {
		got = read_flat(s, fd, (uint8_t *)v.iov->iov_base + v.at, size, flags);
	} else {
		/* Through a flat buffer: a vector of small pieces would cost a system call each. */
		uint8_t *scratch = scratch_take();
		size_t part = size < SCRATCH_SIZE ? size : SCRATCH_SIZE;
		got = scratch ? read_flat(s, fd, scratch, part, flags) : OUTCOME_NO_MEMORY;
		if (got > 0 && !(flags & MSG_TRUNC))
			vector_fill(v, scratch, (size_t)got);
		scratch_give(scratch);
	}
	leave(s, fd, entry);
	return got;
}

/*
 * A peek that wants all and has got less: readable the socket is, so the kernel's queue, where
 * the token lies, has to grow.  Its length is asked first, and then is looked again: or bytes that
 * come in between would be waited for.  False: it did not grow; the end, an error, the time or a
 * signal.
 */
struct peek {
	size_t got; /* when the queue's length was asked */
	int queued;
	int64_t deadline;
};

static bool peek_again(int fd, struct peek *peek, size_t got, size_t size, int flags)
{
	enum { ALL = MSG_PEEK | MSG_WAITALL };
	if ((flags & (ALL | MSG_DONTWAIT)) != ALL || got == size || got >= RECORD_PEEKED)
		return false;
	uint8_t byte;
	int saved = errno, queued = peek->queued;
	if (kernel_nonblocking(fd) || pending_any())
		return false;
	if (peek->got != got) {
		peek->got = got;
		return real.ioctl(fd, FIONREAD, &peek->queued) == 0;
	}
	peek->got = 0;
	if (!peek->deadline)
		peek->deadline = kernel_deadline(fd, SO_RCVTIMEO);
	else if (kernel_now() >= peek->deadline)
		return false;
	/* tcp(7), MSG_TRUNC: nothing is copied. */
	ssize_t seen = real.recv(fd, &byte, (size_t)queued + 1,
	                         MSG_PEEK | MSG_WAITALL | MSG_TRUNC);
	errno = saved;
	return seen > queued;
}

/* Asked once: a call that waits goes on with it, whatever becomes of O_NONBLOCK meanwhile. */
static bool may_wait(int fd, int flags)
{
	return !(flags & MSG_DONTWAIT) && !kernel_nonblocking(fd);
}

ssize_t block_receive(int fd, uint64_t entry, const struct iovec *iov, int count, int flags)
{
	struct vector v = {iov, count, 0};
	size_t size = vector_size(v), done = 0;
	/* Asking for nothing waits for something all the same (recv(2), not read(2)). */
	uint8_t byte;
	struct iovec nothing = {&byte, 1};
	bool wait_all = (flags & MSG_WAITALL) && !(flags & MSG_PEEK), waiting = false;
	int64_t deadline = 0;
	struct peek peek = {0};
	for (;;) {
		ssize_t got = size ? read_now(fd, entry, v, size - done, flags)
		                   : read_now(fd, entry, (struct vector){&nothing, 1, 0}, 1,
		                              flags | MSG_PEEK);
		if (got == OUTCOME_END || !size)
			got = got > 0 || got == OUTCOME_END ? 0 : got;
		if (got > 0) {
			if (peek_again(fd, &peek, (size_t)got, size, flags))
				continue;
			done += (size_t)got;
			vector_skip(&v, (size_t)got);
			bool more = count > 1 && (size_t)got == SCRATCH_SIZE && done < size;
			if (done == size || !(wait_all || more) || (flags & MSG_PEEK))
				return (ssize_t)done;
			if (more)
				continue;
		} else if (got != OUTCOME_AGAIN) {
			return done ? (ssize_t)done : tell(fd, entry, got, false);
		}
		if (done && !wait_all)
			return (ssize_t)done;
		if (!waiting && !may_wait(fd, flags))
			return done ? (ssize_t)done : OUTCOME_AGAIN;
		waiting = true;
		ssize_t waited = wait_to_read(fd, entry, &deadline);
		/* Who asks for nothing waits once, whatever it is that ends the wait. */
		if (waited < 0)
			return done || !size ? (ssize_t)done : waited;
	}
}

/* ---- writing --------------------------------------------------------------------------------- */

/* What fits of the first element: the caller comes again with the rest. */
static ssize_t write_early(struct session *s, int fd, struct vector v, int flags)
{
	if (!(flags & MSG_DONTWAIT) && !s->to_self && !kernel_nonblocking(fd))
		return OUTCOME_AGAIN;
	return session_write_early(s, fd, (const uint8_t *)v.iov->iov_base + v.at,
	                           v.iov->iov_len - v.at);
}

/*
 * Where no byte can pass, be it after our close_notify or because none was given, the kernel is
 * sent nothing: it tells a reset, once, before it tells EPIPE.
 */
static ssize_t write_nothing(struct session *s, int fd, ssize_t otherwise)
{
	ssize_t said = kernel_send(fd, "", 0, 0);
	if (said >= 0 || kernel_passing(said))
		return otherwise;
	if (said == -ENOTSOCK || said == -EBADF)
		return OUTCOME_GONE;
	if (said == -EPIPE)
		return OUTCOME_PIPE;
	s->kernel_error = (int)-said;
	return OUTCOME_RESET;
}

static ssize_t write_open(struct session *s, int fd, struct vector v, size_t size, int flags)
{
	if (s->state == SESSION_FAILED)
		return OUTCOME_RESET;
	if (s->state == SESSION_SHUT_WRITE || s->state == SESSION_CLOSED || s->shutdown_wanted)
		return write_nothing(s, fd, OUTCOME_PIPE);
	if (!size && !s->kernel_error)
		return write_nothing(s, fd, 0);
	return record_write(s, fd, v, size, flags & MSG_MORE);
}

static ssize_t write_now(int fd, uint64_t entry, struct vector v, size_t size, int flags)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return session_absent(fd, entry);
	if (s->state <= SESSION_HANDSHAKING)
		session_advance(s, fd);
	ssize_t put = 0;
	if (s->state > SESSION_HANDSHAKING)
		put = write_open(s, fd, v, size, flags);
	else if (size)
		put = write_early(s, fd, v, flags);
	leave(s, fd, entry);
	return put;
}

ssize_t block_send(int fd, uint64_t entry, const struct iovec *iov, int count, int flags)
{
	struct vector v = {iov, count, 0};
	size_t size = vector_size(v), done = 0;
	int64_t deadline = -1;
	vector_skip(&v, 0);
	do {
		ssize_t put = write_now(fd, entry, v, size - done, flags);
		if (put > 0) {
			done += (size_t)put;
			vector_skip(&v, (size_t)put);
			continue;
		}
		if (put != OUTCOME_AGAIN)
			return done ? (ssize_t)done : tell(fd, entry, put, true);
		if (deadline < 0 && !may_wait(fd, flags))
			return done ? (ssize_t)done : OUTCOME_AGAIN;
		if (deadline < 0)
			deadline = kernel_deadline(fd, SO_SNDTIMEO);
		ssize_t waited = wait_to_write(fd, entry, deadline);
		if (waited < 0)
			return done ? (ssize_t)done : waited;
	} while (done < size);
	return (ssize_t)done;
}

/* ---- handshakes that somebody waits for ------------------------------------------------------ */

ssize_t block_handshake(int fd, uint64_t entry)
{
	ssize_t waited = wait_handshake(fd, entry, INT64_MAX);
	if (waited < 0)
		return waited;
	return session_peek_state(entry) == SESSION_FAILED ? OUTCOME_RESET : 0;
}

/*
 * Who connects may have nothing to say for a long time, and wait for it where we do not see it; the
 * server would give the handshake up.  One that is there answers within a round trip, so that is
 * waited for, and no more: a server that is busy must not make connect(2) slow, least of all one
 * that is this very thread.
 */
enum { PATIENCE = 50000 /* us */, PATIENCE_WITH_SELF = 10000, ROUND_TRIPS = 4 };

void block_greeting(int fd, uint64_t entry, bool to_self)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof info;
	kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	int64_t wait = to_self ? PATIENCE_WITH_SELF : PATIENCE;
	wait += (int64_t)info.tcpi_rtt * ROUND_TRIPS;
	wait_handshake(fd, entry, kernel_now() + wait * 1000);
}

ssize_t block_beside(int fd, bool accepting)
{
	if (!kernel_may_wait_to_read(fd) ||
	    kernel_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) != accepting)
		return 0;
	ssize_t waited = block_wait(fd, POLLIN, kernel_deadline(fd, SO_RCVTIMEO));
	return waited > 0 ? 0 : waited;
}

/*
 * A program may write and close at once.  The kernel would carry the bytes to their end; where
 * there is no carrier for it the close waits, and a carrier does: as long as something moves, and
 * some time beyond (tcp(7), tcp_orphan_retries).
 */
void block_until_sent(int fd, uint64_t entry, int64_t patience)
{
	int saved = errno;
	size_t before = SIZE_MAX;
	int64_t limit = 0;
	for (;;) {
		struct session *s = session_enter_by(fd, entry);
		if (!s)
			break;
		session_advance(s, fd);
		bool handshaking = s->state <= SESSION_HANDSHAKING;
		size_t left = handshaking ? s->early_end
		            : s->kernel_error ? 0 : s->tail_end - s->tail_at;
		int64_t now = kernel_now();
		if (left < before)
			limit = now + (patience ? patience : 2 * s->timeout);
		before = left;
		session_leave(s);
		if (!left || now >= limit)
			break;
		ssize_t waited = handshaking ? wait_handshake(fd, entry, now + TURN)
		                             : block_wait(fd, POLLOUT, now + TURN);
		if (waited < 0 && waited != OUTCOME_AGAIN && waited != OUTCOME_INTERRUPTED)
			break;
	}
	errno = saved;
}
