/* SPDX-License-Identifier: GPL-3.0-or-later */
/* System calls for use under a session's lock. */
#ifndef SLEEVE_BASE_KERNEL_H
#define SLEEVE_BASE_KERNEL_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * libc's recv and send are cancellation points: a cancelled thread would leave in the middle of a
 * record with the lock held.  These are not (syscall(2) is none), never block, and return
 * -errno instead of touching errno.
 */
ssize_t kernel_recv(int fd, void *buffer, size_t size, int flags);         /* MSG_DONTWAIT added */
ssize_t kernel_send(int fd, const void *buffer, size_t size, int flags);   /* + MSG_NOSIGNAL */
/* Drops up to size bytes of the receive queue without copying them (tcp(7), MSG_TRUNC). */
ssize_t kernel_skip(int fd, size_t size);
/* A pipe, whatever its flags: what can be read or written at once, or -EAGAIN. */
ssize_t kernel_pipe_read(int fd, void *buffer, size_t size);
ssize_t kernel_pipe_write(int fd, const void *buffer, size_t size); /* may raise SIGPIPE */
/* Nothing was done and the connection is as it was: no room, or no memory at this moment. */
static inline bool kernel_passing(ssize_t error)
{
	return error == -EAGAIN || error == -ENOMEM || error == -ENOBUFS;
}
/* What poll(2) says of these events at this moment; 0 when none. */
int kernel_poll(int fd, int events);
int kernel_shutdown(int fd, int how);
int kernel_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int kernel_option(int fd, int level, int name, int otherwise); /* an int option */
void kernel_set_option(int fd, int level, int name, int value);
uint32_t kernel_notsent_lowat(void); /* the default of TCP_NOTSENT_LOWAT; UINT32_MAX: none */
int kernel_unsent(int fd); /* tcp(7), SIOCOUTQNSD */
int kernel_unacknowledged(int fd); /* SIOCOUTQ */
bool kernel_nonblocking(int fd);
bool kernel_may_wait_to_read(int fd);
/* SO_RCVTIMEO or SO_SNDTIMEO from now on, CLOCK_MONOTONIC ns; INT64_MAX: none. */
int64_t kernel_deadline(int fd, int option);
bool kernel_resets_on_close(int fd); /* socket(7), SO_LINGER with no time */
uint64_t kernel_cookie(int fd); /* SO_COOKIE: which socket it is, whatever its number; 0: none */
/* Is that the protocol of TCP, or MPTCP (ip(7), SO_PROTOCOL)?  And fd's? */
bool kernel_is_tcp_protocol(int protocol);
bool kernel_is_tcp(int fd);
bool kernel_connected(int fd); /* has a peer: TCP's handshake is through */
/* futex(2), shared between processes: 0, or an errno; EAGAIN and ETIMEDOUT count as 0. */
int kernel_wait(const uint32_t *word, uint32_t value, int64_t nanoseconds);
void kernel_wake(const uint32_t *word);
/* Sets this thread's signal mask; returns the one before. */
uint64_t kernel_signal_mask(uint64_t mask);
/* Would the kernel restart an interrupted call, whichever signal it was?  signal(7), SA_RESTART. */
bool kernel_restarts(void);
/* False for one that has ended, though nobody has waited for it yet (pidfd_open(2)). */
bool kernel_lives(pid_t pid);
int64_t kernel_now(void);      /* CLOCK_MONOTONIC, nanoseconds */

#endif
