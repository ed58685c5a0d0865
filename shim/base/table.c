/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each descriptor number of this process names. */
#include "shim/base/table.h"

#include "shim/base/arena.h"

#include <sched.h>
#include <sys/mman.h>

/* fs.nr_open's default; a matching connection on a higher number is refused. */
enum { ROWS = 1 << 20, FEW = 1024 };

uint64_t *table_rows;
unsigned table_size;
static uint64_t *remembered; /* as many */
static uint32_t *names;      /* by slot */
static uint16_t *pins;       /* how many of them are copies that are being made */
static int end;

bool table_init(void)
{
	if (table_size)
		return true;
	size_t size = ROWS * sizeof *table_rows;
	uint8_t *rows = mmap(NULL, 2 * size + ARENA_SLOTS * (sizeof *names + sizeof *pins),
	                     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	                     -1, 0);
	if (rows == (uint8_t *)MAP_FAILED) {
		static uint64_t few[FEW], few_remembered[FEW];
		static uint32_t few_names[ARENA_SLOTS];
		static uint16_t few_pins[ARENA_SLOTS];
		table_rows = few;
		remembered = few_remembered;
		names = few_names;
		pins = few_pins;
		__atomic_store_n(&table_size, FEW, __ATOMIC_RELEASE);
		return false;
	}
	table_rows = (uint64_t *)rows;
	remembered = table_rows + ROWS;
	names = (uint32_t *)(rows + 2 * size);
	pins = (uint16_t *)(names + ARENA_SLOTS);
	__atomic_store_n(&table_size, ROWS, __ATOMIC_RELEASE);
	return true;
}

/* How many are left; of what has no names, one. */
static uint32_t count(uint64_t entry, int change)
{
	if (!(entry & 1) || table_slot(entry) >= ARENA_SLOTS)
		return 1;
	return __atomic_add_fetch(&names[table_slot(entry)], (uint32_t)change, __ATOMIC_ACQ_REL);
}

/*
 * The number is out of the table, and still a name.  If a copy comes to nothing, it is this number
 * by which the end has to be told.  One that goes on for long has been interrupted, by a signal
 * handler that closes.
 */
static void await_copies(uint64_t entry)
{
	uint16_t *pins_of = &pins[table_slot(entry)], now;
	for (int i = 0; i < 1000 && (now = __atomic_load_n(pins_of, __ATOMIC_ACQUIRE)) &&
	                table_names(table_slot(entry)) <= now + 1u; i++)
		sched_yield();
}

bool table_pin(uint64_t entry)
{
	uint32_t *names_of = &names[table_slot(entry)];
	__atomic_add_fetch(&pins[table_slot(entry)], 1, __ATOMIC_ACQ_REL);
	uint32_t now = __atomic_load_n(names_of, __ATOMIC_RELAXED);
	while (now && !__atomic_compare_exchange_n(names_of, &now, now + 1, false, __ATOMIC_ACQ_REL,
	                                           __ATOMIC_RELAXED))
		;
	if (!now)
		__atomic_sub_fetch(&pins[table_slot(entry)], 1, __ATOMIC_ACQ_REL);
	return now;
}

bool table_unpin(uint64_t entry)
{
	bool last = count(entry, -1) == 0;
	__atomic_sub_fetch(&pins[table_slot(entry)], 1, __ATOMIC_ACQ_REL);
	return last;
}

static void forget_names(uint32_t slot)
{
	names[slot] = 0;
	pins[slot] = 0;
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
	arena_each_taken(forget_names);
	for (int fd = 0; fd < end; fd++)
		if (table_session(fd) && table_slot(table_rows[fd]) < ARENA_SLOTS)
			forget_names(table_slot(table_rows[fd]));
	for (int fd = 0; fd < end; fd++)
		count(table_rows[fd], 1);
}

unsigned table_names(uint32_t slot)
{
	return __atomic_load_n(&names[slot], __ATOMIC_ACQUIRE);
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
	if ((entry & 1) && table_slot(entry) < ARENA_SLOTS)
		await_copies(entry);
	*last = count(entry, -1) == 0;
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
