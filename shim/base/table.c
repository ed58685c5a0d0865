/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each descriptor number of this process names. */
#include "shim/base/table.h"

#include "shim/base/kernel.h"

#include <sched.h>
#include <sys/mman.h>

/* fs.nr_open's default; a matching connection on a higher number is refused. */
enum { ROWS = 1 << 20, FEW = 1024 };

uint64_t *table_rows;
unsigned table_size;
static uint64_t *remembered; /* as many */
static int end;

/* By slot: numbers, and PIN for each copy that is being made. */
static uint32_t *names;
enum { PIN = 2 * ROWS };

bool table_init(void)
{
	if (table_size)
		return true;
	size_t size = ROWS * sizeof *table_rows;
	uint8_t *rows = mmap(NULL, 2 * size + ARENA_SLOTS * sizeof *names, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (rows == (uint8_t *)MAP_FAILED) {
		static uint64_t few[FEW], few_remembered[FEW];
		static uint32_t few_names[ARENA_SLOTS];
		table_rows = few;
		remembered = few_remembered;
		names = few_names;
		__atomic_store_n(&table_size, FEW, __ATOMIC_RELEASE);
		return false;
	}
	table_rows = (uint64_t *)rows;
	remembered = table_rows + ROWS;
	names = (uint32_t *)(rows + 2 * size);
	__atomic_store_n(&table_size, ROWS, __ATOMIC_RELEASE);
	return true;
}

static uint32_t *names_of(uint64_t entry)
{
	return table_is_session(entry) ? &names[table_slot(entry)] : NULL;
}

static void count(uint64_t entry, int change)
{
	uint32_t *word = names_of(entry);
	if (word)
		__atomic_add_fetch(word, (uint32_t)change, __ATOMIC_ACQ_REL);
}

static __thread unsigned copies; /* that this thread is in the middle of */

/*
 * True: no other is left.  Beside copies that are being made the last number waits, for if they
 * come to nothing it is the one by which the end has to be told; but not in a signal handler that
 * came into one of them.
 */
static bool drop_name(uint64_t entry)
{
	enum { TURNS = 100, PATIENCE = 10 * 1000 /* milliseconds */ };
	uint32_t *word = names_of(entry);
	if (!word)
		return false;
	uint32_t now = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	for (int turn = 0;;) {
		bool waits = now > PIN && now % PIN == 1 && !copies && turn < TURNS + PATIENCE;
		if (!waits && __atomic_compare_exchange_n(word, &now, now - 1, false,
		                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return now == 1;
		if (!waits)
			continue;
		if (turn++ < TURNS)
			sched_yield();
		else
			kernel_wait(word, now, 1000000);
		now = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	}
}

bool table_pin(uint64_t entry)
{
	uint32_t *word = names_of(entry), now = __atomic_load_n(word, __ATOMIC_RELAXED);
	while (now && !__atomic_compare_exchange_n(word, &now, now + PIN, false, __ATOMIC_ACQ_REL,
	                                           __ATOMIC_RELAXED))
		;
	copies += now != 0;
	return now;
}

bool table_unpin(uint64_t entry)
{
	copies--;
	return __atomic_sub_fetch(names_of(entry), PIN, __ATOMIC_ACQ_REL) == 0;
}

static void forget_names(uint32_t slot)
{
	names[slot] = 0;
}

void table_remember(void)
{
	for (int fd = 0; fd < table_end(); fd++)
		remembered[fd] = table_get(fd);
}

uint64_t table_remembered(int fd)
{
	return remembered[fd];
}

void table_forked(void)
{
	copies = 0;
	arena_each_taken(forget_names);
	for (int fd = 0; fd < end; fd++)
		if (table_is_session(table_rows[fd]))
			forget_names(table_slot(table_rows[fd]));
	for (int fd = 0; fd < end; fd++)
		count(table_rows[fd], 1);
}

unsigned table_names(uint32_t slot)
{
	uint32_t now = __atomic_load_n(&names[slot], __ATOMIC_ACQUIRE);
	return now % PIN + now / PIN;
}

uint64_t table_swap(int fd, uint64_t entry)
{
	int seen = __atomic_load_n(&end, __ATOMIC_RELAXED);
	while (entry && fd >= seen)
		if (__atomic_compare_exchange_n(&end, &seen, fd + 1, false, __ATOMIC_RELAXED,
		                                __ATOMIC_RELAXED))
			break;
	count(entry, 1);
	uint64_t old = __atomic_exchange_n(&table_rows[fd], entry, __ATOMIC_ACQ_REL);
	count(old, -1);
	return old;
}

bool table_release(int fd, uint64_t entry, uint64_t next, bool *last)
{
	uint64_t found = entry;
	if (!__atomic_compare_exchange_n(&table_rows[fd], &found, next, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return false;
	*last = drop_name(entry);
	return true;
}

bool table_change(int fd, uint64_t entry, uint64_t next)
{
	bool unused;
	return table_release(fd, entry, next, &unused);
}

int table_end(void)
{
	return __atomic_load_n(&end, __ATOMIC_RELAXED);
}
