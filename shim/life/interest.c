/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interest lists (epoll(7)) when a number gets another socket, or its socket outlives it. */
#include "shim/life/interest.h"

#include "shim/base/real.h"
#include "shim/base/root.h"
#include "shim/base/scratch.h"
#include "shim/life/standin.h"
#include "shim/session/registration.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Each number has one place: one more than it, below 0 where a fork has brought it.  A list that
 * its parent reads must not lose what that waits for because the child hands on a copy.
 */
enum { LISTS = 1024 };
static int lists[LISTS];

void interest_note(int ep)
{
	int *place = &lists[(unsigned)ep % LISTS];
	if (ep >= 0 && __atomic_load_n(place, __ATOMIC_RELAXED) != ep + 1)
		__atomic_store_n(place, ep + 1, __ATOMIC_RELAXED);
}

int interest_control(int ep, int op, int fd, struct epoll_event *event)
{
	int saved = errno, result = real.epoll_ctl(ep, op, fd, event);
	if (__builtin_expect(result == 0 || errno != ENOENT, 1) || !standin_is(fd, NULL))
		return result;
	errno = saved;
	return op == EPOLL_CTL_MOD ? real.epoll_ctl(ep, EPOLL_CTL_ADD, fd, event) : 0;
}

void interest_forked(void)
{
	for (int i = 0; i < LISTS; i++)
		if (lists[i] > 0)
			lists[i] = -lists[i];
}

void interest_end(int fd)
{
	int saved = errno;
	for (int i = 0; fd >= 0 && i < LISTS; i++) {
		int noted = __atomic_load_n(&lists[i], __ATOMIC_RELAXED);
		if (noted)
			real.epoll_ctl((noted < 0 ? -noted : noted) - 1, EPOLL_CTL_DEL, fd, NULL);
	}
	errno = saved;
}

/* ---- what is in a list ----------------------------------------------------------------------- */

/* Line for line; a list may be long. */
struct lines {
	int fd;
	char *text;
	size_t at, end;
};

static char *next_line(struct lines *l)
{
	for (;;) {
		char *start = l->text + l->at;
		char *newline = memchr(start, '\n', l->end - l->at);
		if (newline) {
			*newline = '\0';
			l->at = (size_t)(newline + 1 - l->text);
			return start;
		}
		memmove(l->text, start, l->end - l->at);
		l->end -= l->at;
		l->at = 0;
		ssize_t got = real.read(l->fd, l->text + l->end, SCRATCH_SIZE - l->end);
		if (got <= 0)
			return NULL;
		l->end += (size_t)got;
	}
}

static int open_list(int ep)
{
	char text[64];
	const char *path = text;
	snprintf(text, sizeof text, "/proc/thread-self/fdinfo/%d", ep);
	int folder = root_of(&path);
	return openat(folder, path, O_RDONLY | O_CLOEXEC);
}

/* proc(5): "tfd: 5 events: 19 data: 0  pos:0 ino:61af sdev:7"; older kernels do not say which
 * socket it is. */
static bool is_about(const char *line, int fd, ino_t inode, struct epoll_event *event)
{
	unsigned events;
	unsigned long long data, socket = inode;
	if (strncmp(line, "tfd:", 4) != 0 || strtol(line + 4, NULL, 10) != fd ||
	    sscanf(line, "tfd: %*d events: %x data: %llx pos:%*d ino:%llx", &events, &data,
	           &socket) < 2 || socket != inode)
		return false;
	*event = (struct epoll_event){.events = events, .data.u64 = data};
	return true;
}

static bool find(int ep, int fd, ino_t inode, struct epoll_event *event)
{
	struct lines lines = {.fd = open_list(ep)};
	char *line = NULL;
	if (lines.fd < 0)
		return false;
	lines.text = (char *)scratch_take();
	while (lines.text && (line = next_line(&lines)) && !is_about(line, fd, inode, event))
		;
	scratch_give((uint8_t *)lines.text);
	real.close(lines.fd);
	return line;
}

/* Has told once, and is asked for anew.  To put it in again would arm it for errors. */
static bool is_disarmed(const struct epoll_event *event)
{
	enum { KEPT = EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE | EPOLLWAKEUP };
	return !(event->events & ~(uint32_t)KEPT);
}

void interest_leave(struct interest *interest, int fd, uint64_t entry)
{
	int saved = errno;
	struct stat st;
	interest->count = 0;
	if (fstat(fd, &st) < 0)
		st.st_ino = 0;
	for (int i = 0; i < LISTS && interest->count < INTEREST_LISTS; i++) {
		int ep = __atomic_load_n(&lists[i], __ATOMIC_RELAXED) - 1;
		struct epoll_event event;
		if (ep < 0 || !find(ep, fd, st.st_ino, &event))
			continue;
		bool disarmed = is_disarmed(&event);
		registration_ended(ep, fd, entry, &event);
		if (real.epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL) < 0 || disarmed)
			continue;
		interest->in[interest->count].ep = ep;
		interest->in[interest->count++].event = event;
	}
	errno = saved;
}

void interest_join(const struct interest *interest, int fd)
{
	int saved = errno;
	for (int i = 0; i < interest->count; i++) {
		struct epoll_event event = interest->in[i].event;
		real.epoll_ctl(interest->in[i].ep, EPOLL_CTL_ADD, fd, &event);
	}
	errno = saved;
}
