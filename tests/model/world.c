/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of two sockets and the bytes between them; the trace. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct world *world;
unsigned self;
int call_errno;

/* ---- the trace ------------------------------------------------------------------------------ */

void tell(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	size_t room = TRACE - world->length;
	int n = vsnprintf(world->trace + world->length, room, format, arguments);
	va_end(arguments);
	if (n > 0)
		world->length += (size_t)n < room ? (size_t)n : room - 1;
}

void tell_result(long result)
{
	if (result < 0)
		tell(" %s", strerrorname_np(call_errno));
	else if (call_errno != ENOTUNIQ)
		tell(" %ld, errno became %s", result, strerrorname_np(call_errno));
	else
		tell(" %ld", result);
}

void tell_sum(const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t sum = 0xcbf29ce484222325u;
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ p[i]) * 0x100000001b3u;
	tell(" %08x", (unsigned)(sum ^ sum >> 32));
}

void wrong(const char *format, ...)
{
	char text[sizeof world->verdict];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	tell(" WRONG: %s", text);
	if (!strcmp(world->verdict, "ok"))
		strcpy(world->verdict, text);
}

void broken(const char *what)
{
	int error = errno;
	tell(" BROKEN: %s: %s\n", what, strerrorname_np(error));
	fprintf(stderr, "model: %s: %s\n", what, strerror(error));
	_exit(3);
}

/* ---- data ----------------------------------------------------------------------------------- */

static uint8_t *patterns[2];
static int files[2];

/*
 * Within 256 bytes the difference of neighbours is 7: a run of such bytes on the wire is plaintext
 * (faults.c looks for it).  From block to block, and between the ends, it shifts.
 */
void pattern_start(void)
{
	for (unsigned end = 0; end < 2; end++) {
		files[end] = (int)MUST(memfd_create("pattern", MFD_CLOEXEC));
		MUST(ftruncate(files[end], 3 * PATTERN));
		patterns[end] = mmap(NULL, 3 * PATTERN, PROT_READ | PROT_WRITE, MAP_SHARED,
		                     files[end], 0);
		if (patterns[end] == MAP_FAILED)
			broken("mmap");
		for (size_t i = 0; i < 3 * PATTERN; i++) {
			size_t at = i % PATTERN;
			patterns[end][i] = (uint8_t)(7 * at + 13 * (at >> 8) + 29 * (at >> 16) +
			                             100 * end);
		}
	}
}

const uint8_t *pattern_at(unsigned end, size_t place)
{
	return patterns[end] + place % PATTERN;
}

int pattern_file(unsigned end)
{
	return files[end];
}

int pieces(struct iovec *v, void *data, size_t size, unsigned cut)
{
	uint8_t *at = data;
	size_t first = cut % (size + 1);
	int count = 0;
#define PIECE(length) \
	do { \
		size_t piece_ = (length); \
		v[count++] = (struct iovec){at, piece_}; \
		at += piece_; \
		size -= piece_; \
	} while (0)
	switch (cut % 6) {
	case 1:
		PIECE(first);
		break;
	case 2:
		PIECE(0);
		PIECE(size / 2);
		PIECE(0);
		break;
	case 3:
		while (count < MOST_PIECES - 1 && size)
			PIECE(1);
		break;
	case 4:
		for (size_t piece = 1; count < MOST_PIECES - 1 && piece <= size; piece *= 2)
			PIECE(piece);
		break;
	case 5:
		PIECE(0);
		PIECE(0);
		PIECE(first);
		PIECE(0);
		break;
	}
	PIECE(size);
#undef PIECE
	return count;
}

/* ---- what is known -------------------------------------------------------------------------- */

int slot_of(unsigned end, unsigned n)
{
	int *fd = world->fd[self][end], found[NAMES], count = 0;
	for (int i = 0; i < NAMES; i++)
		if (fd[i] >= 0)
			found[count++] = i;
	return count ? found[n % (unsigned)count] : -1;
}

int fd_of(unsigned end, unsigned n)
{
	int slot = slot_of(end, n);
	return slot < 0 ? -1 : world->fd[self][end][slot];
}

unsigned names_of(unsigned end)
{
	unsigned count = 0;
	for (unsigned p = 0; p < PROCESSES; p++)
		for (unsigned i = 0; world->alive[p] && i < NAMES; i++)
			count += world->fd[p][end][i] >= 0;
	return count;
}

bool ends_here(unsigned end)
{
	const struct end *e = &world->end[end], *peer = &world->end[!end];
	return e->reset || e->shut_read || peer->shut_write || peer->gone;
}

bool readiness_known(unsigned end)
{
	const struct end *e = &world->end[end];
	return e->pending == 0 || e->pending >= e->lowat || ends_here(end);
}

void news(unsigned end)
{
	memset(world->end[end].news, true, sizeof world->end[end].news);
}

/*
 * TLS says goodbye where TCP has a FIN only.  An end that is shut both ways answers any byte by a
 * reset, so from then on errors are not those of a bare connection.
 */
void note_last_words(unsigned end)
{
	const struct end *e = &world->end[end], *peer = &world->end[!end];
	bool deaf = peer->gone || (peer->shut_read && peer->shut_write);
	if ((e->shut_write || e->gone) && deaf)
		world->spoiled = true;
	/* What says so may have fallen short, and leave later. */
	if (world->faulty && e->shut_read && e->shut_write)
		world->spoiled = true;
}

void lose_name(unsigned process, unsigned end, unsigned slot)
{
	struct end *e = &world->end[end], *peer = &world->end[!end];
	world->fd[process][end][slot] = -1;
	if (e->gone || names_of(end))
		return;
	e->gone = true;
	note_last_words(end);
	if (e->pending || e->linger)
		e->reset = peer->reset = true;
	news(!end);
}
