/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptor numbers coming and going. */
#include "shim/life/descriptor.h"

#include "shim/base/kernel.h"
#include "shim/base/process.h"
#include "shim/base/real.h"
#include "shim/base/table.h"
#include "shim/life/carrier.h"
#include "shim/life/exec.h"
#include "shim/life/fork.h"
#include "shim/registry/writer.h"
#include "shim/session/block.h"
#include "shim/session/pending.h"
#include "shim/session/rulebook.h"
#include "shim/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

enum { NO_DESCRIPTOR = -1 };

/* Whoever has entered the session by a number that is about to be closed comes out of it. */
static void await_users(uint64_t entry)
{
	struct session *s = session_enter_to_count(entry);
	if (s)
		session_leave(s);
}

/* Puts `mark` in place of what the number names, and ends that if it was its last number.  False:
 * it names something else. */
static bool release(int number, uint64_t entry, uint64_t mark, int fd)
{
	bool last;
	exec_settled(number);
	fork_await(entry);
	if (!table_release(number, entry, mark, &last))
		return false;
	if (table_unconnected(entry) || entry == TABLE_CARRIED)
		return true;
	if (last) /* it may have begun just then */
		fork_await(entry);
	if (!(entry & 1)) {
		registry_close((struct registry_slot *)(uintptr_t)entry);
	} else if (last && !session_drop(entry, fd, true)) {
		carrier_drain(fd, entry);
		session_drop(entry, fd, false);
	} else if (!last) {
		await_users(entry);
	}
	return true;
}

/*
 * Forgets what fd names.  Until the number is really closed it is marked, so that another thread
 * that still uses it cannot reach the bare socket.
 */
static bool forget(int fd, uint64_t entry, uint64_t mark)
{
	return release(fd, entry, mark, fd);
}

/* What fd names in this process; nothing for a guest, whose numbers these are not. */
static uint64_t own_entry(int fd)
{
	if (!table_get(fd) || process_is_guest())
		return 0;
	return table_get(fd); /* asked again: a child of _Fork may have become an owner */
}

void descriptor_created(int fd)
{
	uint64_t entry = fd >= 0 ? own_entry(fd) : 0;
	if (entry) /* fd is another socket by now: no goodbye into it */
		release(fd, entry, 0, NO_DESCRIPTOR);
}

bool descriptor_is(int fd, uint64_t entry)
{
	if (entry == TABLE_REFUSED || entry == TABLE_CLOSING)
		return kernel_is_tcp(fd);
	struct session *s = session_enter_to_count(entry);
	bool is = s && session_is_socket(s, fd);
	if (s)
		session_leave(s);
	return is;
}

uint64_t descriptor_of_guest(int fd, uint64_t entry)
{
	if (!(entry & 1)) /* a socket without a connection is left to the kernel */
		return entry == TABLE_CARRIED ? entry : 0;
	return entry == TABLE_OWN || descriptor_is(fd, entry) ? entry : 0;
}

uint64_t descriptor_copying(int fd)
{
	uint64_t entry = table_get(fd);
	if (table_unconnected(entry))
		return TABLE_UNCONNECTED;
	if (table_is_session(entry) && !process_is_guest())
		return table_pin(entry) ? entry : TABLE_REFUSED;
	if (entry == TABLE_CLOSING)
		return TABLE_REFUSED;
	return (entry & 1) || entry == TABLE_CARRIED ? entry : 0;
}

void descriptor_copying_ended(uint64_t entry)
{
	if (table_is_session(entry) && !process_is_guest() && table_unpin(entry))
		session_drop(entry, NO_DESCRIPTOR, false);
}

static void copied_by_guest(uint64_t entry, int to)
{
	int saved = errno;
	if ((entry & 1) && descriptor_is(to, entry))
		real.fcntl(to, F_SETFD, FD_CLOEXEC);
	errno = saved;
}

void descriptor_copied(uint64_t entry, int to)
{
	if (to < 0)
		return;
	if (entry && process_is_guest()) {
		copied_by_guest(entry, to);
		return;
	}
	if (!entry || table_get(to) != TABLE_CLOSING)
		descriptor_created(to);
	if (!entry || (unsigned)to >= table_size)
		return;
	table_swap(to, entry);
	if (table_is_session(entry) && session_is_pending(entry))
		pending_add(to, entry);
}

/* Only the last name in this process, and of the last holder, has to see to it. */
static bool owes(int fd, uint64_t entry)
{
	if (!session_is_pending(entry) || table_names(table_slot(entry)) > 1 ||
	    session_has_others(entry))
		return false;
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return false;
	bool last = session_owes(s, fd);
	session_leave(s);
	return last;
}

/* The number on which a carrier's socket is being put, and one more; 0: none.  One at a time, and
 * neither interrupted nor cancelled (fork_exclude()). */
static uint32_t replacing;

static bool is_replaced(int fd)
{
	return __atomic_load_n(&replacing, __ATOMIC_ACQUIRE) == (uint32_t)fd + 1;
}

/* Or what is closed would be the old socket, and the number be there again afterwards. */
static void await_replacing(int fd)
{
	while (is_replaced(fd))
		kernel_wait(&replacing, (uint32_t)fd + 1, INT64_C(1000000000));
}

static void set_replacing(uint32_t number)
{
	__atomic_store_n(&replacing, number, __ATOMIC_RELEASE);
	if (!number)
		kernel_wake(&replacing);
}

bool descriptor_replacing(int fd, uint64_t entry)
{
	set_replacing((uint32_t)fd + 1);
	bool taken = release(fd, entry, TABLE_CLOSING, fd);
	if (!taken)
		set_replacing(0);
	return taken;
}

void descriptor_replaced(int fd)
{
	descriptor_ended(fd);
	set_replacing(0);
}

void descriptor_forked(void)
{
	replacing = 0;
}

bool descriptor_ending(int fd)
{
	for (;;) {
		await_replacing(fd);
		uint64_t entry = own_entry(fd);
		if (!entry)
			return true;
		if (entry == TABLE_OWN)
			return false;
		if (entry == TABLE_CLOSING && is_replaced(fd))
			continue; /* just begun */
		if (table_is_session(entry) && owes(fd, entry) && !carrier_drain(fd, entry))
			block_until_sent(fd, entry, 0);
		if (forget(fd, entry, TABLE_CLOSING))
			return true;
	}
}

void descriptor_ended(int fd)
{
	if (table_get(fd) == TABLE_CLOSING && !process_is_guest())
		table_change(fd, TABLE_CLOSING, 0);
}

void descriptor_range_ending(unsigned first, unsigned last, void (*closing)(unsigned, unsigned))
{
	unsigned end = process_is_guest() ? 0 : (unsigned)table_end(), from = first;
	for (unsigned fd = first; fd < end && fd <= last; fd++) {
		if (!table_get((int)fd) || descriptor_ending((int)fd))
			continue;
		if (fd > first)
			closing(first, fd - 1);
		first = fd + 1;
	}
	if (first <= last)
		closing(first, last);
	for (unsigned fd = from; fd < end && fd <= last; fd++)
		descriptor_ended((int)fd);
}

bool descriptor_settled(int fd, uint64_t entry)
{
	for (int i = 0; i < 1000 && table_get(fd) == TABLE_CLOSING; i++)
		sched_yield();
	if (table_get(fd) != entry)
		return true;
	int type;
	socklen_t length = sizeof type;
	if (kernel_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != -ENOTSOCK)
		return false;
	if (!process_is_guest())
		release(fd, entry, 0, NO_DESCRIPTOR);
	return table_get(fd) != entry;
}

void descriptor_all_ending(void)
{
	if (!table_size || process_is_guest())
		return;
	for (int fd = 0; fd < table_end(); fd++) {
		if (!table_session(fd) || table_get(fd) == TABLE_OWN)
			continue;
		descriptor_ending(fd);
		table_change(fd, TABLE_CLOSING, TABLE_REFUSED);
	}
}

void descriptor_guard_own(bool (*owns)(int fd), int lowest)
{
	for (int fd = lowest; (unsigned)fd < table_size && fd < lowest + 32; fd++)
		if (owns(fd) && !table_get(fd))
			table_swap(fd, TABLE_OWN);
}
