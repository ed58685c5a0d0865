/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interest lists (epoll(7)) when a number gets another socket, or its socket outlives it. */
#ifndef SLEEVE_LIFE_INTEREST_H
#define SLEEVE_LIFE_INTEREST_H

#include <stdint.h>
#include <sys/epoll.h>

/*
 * A list names a socket, not a number, for as long as anybody has the socket open; and a carrier
 * has it.  So what a number was in has to be seen to where a carrier's unix socket takes its place,
 * or where a carrier goes on with what the program has closed: or the list would tell of what the
 * program knows nothing of any more.
 *
 * Of up to 1024 lists a process; any thread, with no lock held.  All keep errno.
 */

/* epoll_ctl(2) on what is no session.  A carrier's socket that should be in the list and is not,
 * for that had told of it once or could not be read, is put in when the program asks again. */
int interest_control(int ep, int op, int fd, struct epoll_event *event);

/* Something is about to be added to this list. */
void interest_note(int ep);

/* In a fork's child: lists that it adds nothing to are its parent's. */
void interest_forked(void);

/* fd is about to be closed, and nobody is left but a carrier: it is in no list any more. */
void interest_end(int fd);

enum { INTEREST_LISTS = 16 };

struct interest {
	int count;
	struct {
		int ep;
		struct epoll_event event;
	} in[INTEREST_LISTS];
};

/* Takes the session's fd out of this process's lists; then puts in what has its number now, as the
 * program had asked.  An event may be told twice, none gets lost. */
void interest_leave(struct interest *interest, int fd, uint64_t entry);
void interest_join(const struct interest *interest, int fd);

#endif
