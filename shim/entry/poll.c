/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the poll family. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/base/scratch.h"
#include "shim/session/pending.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>

/* The kernel says EINVAL (clock_nanosleep(2) has the range). */
static bool is_no_time(const struct timespec *t)
{
	return t && (t->tv_sec < 0 || t->tv_nsec < 0 || t->tv_nsec >= 1000000000);
}

static int64_t deadline_of(const struct timespec *timeout)
{
	if (!timeout)
		return INT64_MAX;
	if (timeout->tv_sec > 1000000000)
		return INT64_MAX;
	return kernel_now() + timeout->tv_sec * 1000000000LL + timeout->tv_nsec;
}

static bool any_ours(const struct pollfd *fds, nfds_t count)
{
	for (nfds_t i = 0; i < count; i++)
		if (table_session(fds[i].fd))
			return true;
	return pending_any();
}

DOOR int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (!table_end() || !any_ours(fds, count))
		return real.poll(fds, count, timeout);
	int64_t deadline = timeout < 0 ? INT64_MAX : kernel_now() + timeout * 1000000LL;
	return block_poll(fds, count, deadline, NULL, true);
}

DOOR int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t limit)
{
	if (limit / sizeof *fds < count)
		return real.__poll_chk(fds, count, timeout, limit);
	return poll(fds, count, timeout);
}

DOOR int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
               const sigset_t *mask)
{
	if (!table_end() || is_no_time(timeout) || !any_ours(fds, count))
		return real.ppoll(fds, count, timeout, mask);
	return block_poll(fds, count, deadline_of(timeout), mask, true);
}

DOOR int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask, size_t limit)
{
	if (limit / sizeof *fds < count)
		return real.__ppoll_chk(fds, count, timeout, mask, limit);
	return ppoll(fds, count, timeout, mask);
}

/* ---- select: the same question in another form ----------------------------------------------- */

/* Sets may be longer than fd_set says (select(2) takes as many bits as count needs). */
static bool in(const fd_set *set, int fd)
{
	const unsigned long *words = (const unsigned long *)set;
	return set && (words[fd / 64] >> fd % 64 & 1);
}

static void put(fd_set *set, int fd)
{
	((unsigned long *)set)[fd / 64] |= 1UL << fd % 64;
}

/* Has the kernel's table room for it?  Then it is an error in a set when it is not open. */
static bool in_table(int fd, uint64_t *words)
{
	struct timespec none = {0, 0};
	if (real.fcntl(fd, F_GETFD) >= 0)
		return true;
	words[fd / 64] = 1ULL << fd % 64;
	bool wrong = real.syscall(SYS_pselect6, fd + 1, words, NULL, NULL, &none, NULL) < 0 &&
	             errno == EBADF;
	words[fd / 64] = 0;
	return wrong;
}

/*
 * select(2) looks no further than the kernel's table of descriptors goes, which grows as they are
 * opened, 64 at the least.  Programs rely on it: they ask for getdtablesize(), whatever that is,
 * with a set of 1024.
 */
static int within_table(int count)
{
	uint64_t *words = (uint64_t *)scratch_take();
	if (!words)
		return count;
	if (count > SCRATCH_SIZE * 8)
		count = SCRATCH_SIZE * 8;
	int saved = errno, low = 1, high = (count + 63) / 64;
	memset(words, 0, (size_t)high * 8);
	while (low < high) {
		int middle = (low + high + 1) / 2;
		if (in_table(middle * 64 - 1, words))
			low = middle;
		else
			high = middle - 1;
	}
	scratch_give((uint8_t *)words);
	errno = saved;
	return count < low * 64 ? count : low * 64;
}

static bool selects_ours(int count, const fd_set *r, const fd_set *w, const fd_set *e)
{
	int end = count < table_end() ? count : table_end();
	for (int fd = 0; fd < end; fd++)
		if (table_session(fd) && (in(r, fd) || in(w, fd) || in(e, fd)))
			return true;
	return pending_any();
}

static void clear(fd_set *set, int count)
{
	if (set)
		memset(set, 0, (size_t)(count + 63) / 64 * 8);
}

enum { READS = POLLIN | POLLRDNORM | POLLHUP | POLLERR, WRITES = POLLOUT | POLLERR };

/* The kernel's own table of what counts as readable and writable (fs/select.c, POLLIN_SET ...). */
static short news_of(const struct pollfd *p)
{
	short news = p->events & p->revents & POLLPRI;
	if ((p->events & POLLIN) && (p->revents & READS))
		news |= POLLIN;
	if ((p->events & POLLOUT) && (p->revents & WRITES))
		news |= POLLOUT;
	return news;
}

static int tell(const struct pollfd *fds, int found, fd_set *r, fd_set *w, fd_set *e)
{
	int told = 0;
	for (int i = 0; i < found; i++) {
		short news = news_of(&fds[i]);
		if (news & POLLIN)
			put(r, fds[i].fd), told++;
		if (news & POLLOUT)
			put(w, fds[i].fd), told++;
		if (news & POLLPRI)
			put(e, fds[i].fd), told++;
	}
	return told;
}

/*
 * poll(2) tells an end that was not asked for, select(2) does not.  Whose end was told has no more
 * to tell, and is left out; true: nobody had anything else.
 */
static bool only_ends(struct pollfd *fds, int found)
{
	bool only = true;
	for (int i = 0; i < found; i++)
		only &= !news_of(&fds[i]) && !(fds[i].revents & POLLNVAL);
	for (int i = 0; only && i < found; i++)
		if (fds[i].revents)
			fds[i].fd = -1;
	return only;
}

/* A thread that is cancelled as it waits gives the set back. */
__attribute__((noinline)) static int poll_scratch(struct pollfd *fds, int count, int64_t deadline,
                                                  const sigset_t *mask)
{
	int ready;
	pthread_cleanup_push(scratch_clean_up, fds);
	ready = block_poll(fds, (nfds_t)count, deadline, mask, true);
	pthread_cleanup_pop(false);
	return ready;
}

/* poll(2) is bound by RLIMIT_NOFILE, select(2) is not; handshakes then wait for another call. */
static int select_itself(int count, fd_set *r, fd_set *w, fd_set *e, int64_t deadline,
                         const sigset_t *mask)
{
	int64_t left = deadline == INT64_MAX ? 0 : deadline - kernel_now();
	struct timespec time = {left / 1000000000, left % 1000000000};
	if (left < 0)
		time = (struct timespec){0, 0};
	return real.pselect(count, r, w, e, deadline == INT64_MAX ? NULL : &time, mask);
}

static int select_as_poll(int count, fd_set *r, fd_set *w, fd_set *e, int64_t deadline,
                          const sigset_t *mask)
{
	struct pollfd *fds = (struct pollfd *)scratch_take();
	int found = 0, saved = errno;
	for (int fd = 0; fds && fd < count && (size_t)found < SCRATCH_SIZE / sizeof *fds; fd++) {
		short events = (short)((in(r, fd) ? POLLIN : 0) | (in(w, fd) ? POLLOUT : 0) |
		                       (in(e, fd) ? POLLPRI : 0));
		if (events)
			fds[found++] = (struct pollfd){.fd = fd, .events = events};
	}
	int ready;
	do
		ready = fds ? poll_scratch(fds, found, deadline, mask) : -1;
	while (ready > 0 && only_ends(fds, found));
	bool bad = false, too_many = !fds || (ready < 0 && errno == EINVAL);
	for (int i = 0; ready > 0 && i < found; i++)
		bad |= fds[i].revents & POLLNVAL;
	if (ready >= 0 && !bad) {
		clear(r, count);
		clear(w, count);
		clear(e, count);
		ready = ready ? tell(fds, found, r, w, e) : 0;
	}
	scratch_give((uint8_t *)fds);
	int end = bad ? within_table(count) : count;
	if (!bad && !too_many)
		return ready;
	errno = saved;
	if (end < count)
		return select_as_poll(end, r, w, e, deadline, mask);
	return too_many ? select_itself(count, r, w, e, deadline, mask)
	                : (int)door_report(OUTCOME_BAD_DESCRIPTOR, true);
}

/* Linux writes the time that is left back; programs rely on it. */
DOOR int select(int count, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
	bool no_time = timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0);
	if (!table_end() || no_time || count < 0 || !selects_ours(count, r, w, e))
		return real.select(count, r, w, e, timeout);
	int64_t deadline = INT64_MAX;
	if (timeout && timeout->tv_sec < 1000000000)
		deadline = kernel_now() + timeout->tv_sec * 1000000000LL +
		           timeout->tv_usec * 1000LL;
	if (count > FD_SETSIZE)
		count = within_table(count);
	int ready = select_as_poll(count, r, w, e, deadline, NULL);
	if (timeout && deadline != INT64_MAX) {
		int64_t left = deadline - kernel_now();
		left = left > 0 ? left : 0;
		*timeout = (struct timeval){left / 1000000000, left % 1000000000 / 1000};
	}
	return ready;
}

DOOR int pselect(int count, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout,
                 const sigset_t *mask)
{
	if (!table_end() || is_no_time(timeout) || count < 0 || !selects_ours(count, r, w, e))
		return real.pselect(count, r, w, e, timeout, mask);
	if (count > FD_SETSIZE)
		count = within_table(count);
	return select_as_poll(count, r, w, e, deadline_of(timeout), mask);
}
