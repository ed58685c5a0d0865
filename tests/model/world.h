/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two connected sockets, the processes that hold them, and what is known of the bytes between. */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include "sequence.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Every answer has to be determined by what went before, or bare and sleeved runs could not be
 * compared.  So the world knows what was written and not yet read, an operation that would wait
 * for ever or depend on the kernel's mood is skipped (and says "-"), and before anything is asked
 * the wire is at rest: what has left one end has arrived at the other.
 *
 * It lies in memory shared by the worker, its children and the driver, who reads the trace also
 * of a worker that hangs.  Only the process whose turn it is touches it.
 */
enum { TRACE = 1 << 15, ROOM = 40000, KEPT = 16 };

struct end {
	size_t wrote;    /* bytes accepted from the program at this end */
	size_t pending;  /* bytes for this end that it has not read */
	unsigned lowat;  /* SO_RCVLOWAT */
	bool nonblocking, timed; /* timed: SO_RCVTIMEO */
	bool held;       /* TCP_CORK or MSG_MORE: the kernel may keep bytes back */
	bool delay;      /* TCP_NODELAY is off */
	uint64_t sent;   /* bytes that have left this end's kernel, when last seen */
	bool linger;     /* a close will reset */
	bool shut_write, shut_read;
	bool gone;       /* closed everywhere */
	bool reset;      /* a reset has reached it, or may have */
	bool news[SETS][NAMES]; /* something has come since that set was last asked */
	bool edge[SETS][NAMES]; /* watched there by its edges */
	bool counted;    /* FIONREAD has been asked: see perform_wait() */
	bool warned;     /* bytes were read behind a reset: see tell_events() */
};

struct world {
	struct end end[2];
	int fd[PROCESSES][2][NAMES]; /* -1: no such name */
	bool alive[PROCESSES];
	pid_t pid[PROCESSES];
	int set[SETS + 1]; /* epoll sets; the last one watches the others */
	bool spoiled;      /* what a bare connection would do now, a sleeved one does not */
	bool faulty;       /* results are judged, not compared */
	unsigned signals;  /* SIGPIPE */
	char verdict[200]; /* "ok", or what is wrong whatever a bare run says */
	size_t length;
	char trace[TRACE];
	char kept[KEPT][TRACE]; /* those of the last sequences */
};

extern struct world *world;
extern unsigned self; /* this process */

/* ---- the trace ------------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);
/* A count, or -1 and errno's name; also says so if a success has changed errno. */
void tell_result(long result);
void tell_sum(const void *data, size_t size);
/* Wrong whatever others say. */
__attribute__((format(printf, 1, 2))) void wrong(const char *format, ...);

/* The call whose result tell_result() is to tell. */
extern int call_errno;
#define CALL(expression) \
	({ \
		errno = ENOTUNIQ; \
		long call_result_ = (long)(expression); \
		call_errno = errno; \
		call_result_; \
	})

/* Set-up that must work for a run to mean anything. */
#define MUST(expression) \
	({ \
		long must_result_; \
		while ((must_result_ = (long)(expression)) == -1 && \
		       (errno == EINTR || (world->faulty && errno == ENOMEM))) \
			; \
		if (must_result_ == -1) \
			broken(#expression); \
		must_result_; \
	})
__attribute__((noreturn)) void broken(const char *what);

/* ---- data: a byte tells its place in the stream ---------------------------------------------- */

enum { PATTERN = 1 << 20 };

/* The pattern of an end's stream from there on: at least PATTERN bytes in one piece. */
const uint8_t *pattern_at(unsigned end, size_t place);
/* The same as a file, in which a place is at place % PATTERN. */
int pattern_file(unsigned end);
void pattern_start(void);

/* Cuts size bytes in pieces, by `cut`: empty ones, single bytes, halves. */
enum { MOST_PIECES = 40 };
int pieces(struct iovec *v, void *data, size_t size, unsigned cut);

/* ---- what is known --------------------------------------------------------------------------- */

/* A name of that end in this process, the n-th modulo those there are; -1: it has none. */
int fd_of(unsigned end, unsigned n);
/* Its place in world->fd, likewise. */
int slot_of(unsigned end, unsigned n);
/* Of all processes. */
unsigned names_of(unsigned end);

/* Reading at that end would tell of the stream's end, or of an error. */
bool ends_here(unsigned end);
/* What a program would have to be told by poll is determined. */
bool readiness_known(unsigned end);

/* Something has happened that may wake those who watch that end. */
void news(unsigned end);

/* Waits until all that was sent to `end` is there.  For a process that holds it or its peer. */
void rest(unsigned end);

/* That end has been shut or closed. */
void note_last_words(unsigned end);

/* A name is about to go: and if it is the last, the end with it. */
void lose_name(unsigned process, unsigned end, unsigned slot);

/* ---- operations ------------------------------------------------------------------------------ */

void perform_write(const struct op *op);
void perform_read(const struct op *op);
void perform_bulk(const struct op *op);
void perform_ask(const struct op *op);
void perform_watch(const struct op *op);
void perform_wait(const struct op *op);
void perform_name(const struct op *op);
void perform_close(const struct op *op);
void perform_shut(const struct op *op);
void perform_option(const struct op *op);

/* One sequence from the first connect to the last close. */
void run_sequence(const struct sequence *s);

/* What a worker says of a sequence; the details are in the world. */
struct answer {
	uint64_t sum; /* of the trace */
	uint32_t fine; /* the verdict is "ok" */
	uint32_t kept; /* where its trace is */
};

/* Reads sequences, a line each, and answers, until there are no more. */
int worker_main(void);

#endif
