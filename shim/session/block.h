/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking, timeouts and interruptions: what a socket call does when nothing can be done now. */
#ifndef SLEEVE_SESSION_BLOCK_H
#define SLEEVE_SESSION_BLOCK_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Called by the doors without any lock, with the table entry they found.  Whether to wait is
 * read from the descriptor each time (another process may have changed it).  No lock is held
 * while waiting.  Waits are cancellation points (pthreads(7)).
 *
 * flags: MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT, MSG_TRUNC for reading; MSG_DONTWAIT, MSG_MORE for
 * writing.  Others are the doors' business.  Return: a count, or an enum outcome.
 */
ssize_t block_receive(int fd, uint64_t entry, const struct iovec *iov, int count, int flags);
ssize_t block_send(int fd, uint64_t entry, const struct iovec *iov, int count, int flags);

/* Until the handshake is done, for verified_connect.  0, or an enum outcome. */
ssize_t block_handshake(int fd, uint64_t entry);

/* poll(2) for one descriptor, as a blocking call waits: what it says, or an enum outcome. */
ssize_t block_wait(int fd, short events, int64_t deadline);

/* For a little while, after a blocking connect(2) that has sent the first flight. */
void block_greeting(int fd, uint64_t entry, bool to_self);

/* Before a call that may wait for fd, which is no session, to read or accept: waits in its place if
 * it would wait, and moves this thread's handshakes on.  0: make the call; or an enum outcome. */
ssize_t block_beside(int fd, bool accepting);

/* Waits for what was accepted to leave, as long as something moves and that many nanoseconds more;
 * 0: twice the time that a handshake may take.  Before a close. */
void block_until_sent(int fd, uint64_t entry, int64_t patience);

/*
 * poll(2) over any descriptors, sessions among them, that also moves this thread's handshakes
 * on.  deadline: CLOCK_MONOTONIC ns, INT64_MAX for none.  mask as in ppoll(2).  Returns as poll
 * does, with errno.
 */
int block_poll(struct pollfd *fds, nfds_t count, int64_t deadline, const sigset_t *mask,
               bool only_hidden);

/* What the kernel said of a session's socket when asked for these events, as far as it is true of
 * the plaintext. */
short block_refine(int fd, uint64_t entry, short asked, short said);

#endif
