/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP sockets that have no connection yet. */
#ifndef SLEEVE_LIFE_UNCONNECTED_H
#define SLEEVE_LIFE_UNCONNECTED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A connection is born where connect(2) is called, but the socket may have other names by then: a
 * copy in this process (dup(2)), a stream (fdopen(3)), another process's (fork(2)).  And a thread
 * may be about to write while another connects.  So that none of them sends in clear, numbers are
 * marked from socket(2) on (base/table.h), and a marked one is asked about here before it is used.
 * A mark goes with the birth of the connection, with listen(2), and with the number.
 *
 * All keep errno.
 */

/* fd is a TCP socket without a connection: made just now, or its connect has failed. */
void unconnected_note(int fd);
void unconnected_listens(int fd);

/* A stream is on it: its connection will need a carrier. */
void unconnected_streams(int fd);

/* Every other number of the socket that is about to be connected on fd becomes the session's.
 * True when stdio may use one of them. */
bool unconnected_names(int fd, uint64_t mark, uint64_t entry);

/* The connect has failed, or the connection was dissolved: all its numbers are marked again. */
void unconnected_again(int fd, bool streams);

/*
 * What a marked number is now: 0, not ours, whether it has a connection by now that stays in
 * plaintext, or has none and keeps its mark; or a session's entry, or TABLE_REFUSED where another
 * process has made of it what must not be written to from here.
 */
uint64_t unconnected_settle(int fd);

/* Why nothing can be sent on a marked number, as an outcome; the kernel is given no byte that could
 * leave.  May wait for a connect, unless MSG_DONTWAIT.  GONE: there is one by now; look again. */
ssize_t unconnected_refusal(int fd, int flags);

#endif
