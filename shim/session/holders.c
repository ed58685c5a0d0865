/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The processes that hold a session (fork(2)); the last one says goodbye. */
#include "shim/session/session.h"

#include "shim/base/arena.h"
#include "shim/base/kernel.h"
#include "shim/base/process.h"
#include "shim/base/table.h"
#include "shim/session/record.h"

#include <errno.h>

/* By what name the others know this process; 0: it is only counted. */
static pid_t own_name(void)
{
	return process_elsewhere ? 0 : process_id;
}

/* Both are looked at without the lock (session_is_orphan()). */
static void count_holders(struct session *s, int change)
{
	__atomic_store_n(&s->holder_count, s->holder_count + (uint32_t)change, __ATOMIC_RELEASE);
}

static void change_holder(struct session *s, pid_t from, pid_t to)
{
	for (int i = 0; i < SESSION_HOLDERS; i++)
		if (s->holders[i] == from) {
			__atomic_store_n(&s->holders[i], to, __ATOMIC_RELEASE);
			return;
		}
}

/* A holder that was killed could not say so. */
static void forget_the_dead(struct session *s)
{
	for (int i = 0; i < SESSION_HOLDERS && s->holder_count > 1 && !process_elsewhere; i++) {
		pid_t pid = s->holders[i];
		if (pid > 0 && pid != process_id && !kernel_lives(pid)) {
			__atomic_store_n(&s->holders[i], 0, __ATOMIC_RELEASE);
			count_holders(s, -1);
		}
	}
}

bool session_hold(uint64_t entry, pid_t unborn)
{
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return false;
	if (s->holder_count >= SESSION_HOLDERS)
		forget_the_dead(s);
	change_holder(s, 0, unborn); /* first, lest who is killed in between counts for ever */
	count_holders(s, 1);
	s->doubted_at = 0;
	registry_share(s->registry);
	session_leave(s);
	return true;
}

/*
 * Without the lock: a child that is killed as soon as it is there would be the end of every session
 * that it has and does not use.  The name is nobody else's, but the parent says the same.
 */
void session_claim(uint64_t entry, pid_t unborn, pid_t now)
{
	struct session *s = session_at(entry);
	/* From a pid namespace of its own a child's pid, too, is none that the others know. */
	pid_t name = process_elsewhere ? 0 : now;
	if (__atomic_load_n(&s->stamp, __ATOMIC_ACQUIRE) != table_stamp(entry))
		return;
	for (int i = 0; i < SESSION_HOLDERS; i++) {
		pid_t known = unborn;
		if (__atomic_compare_exchange_n(&s->holders[i], &known, name, false,
		                                __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return;
	}
}

void session_unhold(uint64_t entry, pid_t unborn)
{
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return;
	change_holder(s, unborn, 0);
	count_holders(s, -1);
	session_leave(s);
}

bool session_is_last(uint64_t entry, int fd)
{
	struct session *s = session_enter(entry);
	if (s)
		forget_the_dead(s);
	bool last = s && s->holder_count == 1 && (session_owes(s, fd) || session_is_up(s));
	if (s)
		session_leave(s);
	return last;
}

/* By this process, for an exec; not to be given up once more by a thread that closes meanwhile. */
struct loan {
	uint32_t stamp;
	pid_t lender; /* a fork copies what its parent had lent */
};
static struct loan loans[ARENA_SLOTS];

static bool take_back(struct session *s)
{
	struct loan *loan = &loans[s->slot];
	bool lent = loan->lender == process_id && loan->stamp == s->stamp;
	loan->lender = 0;
	return lent;
}

void session_lend(uint64_t entry)
{
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return;
	if (s->holder_count > 1) {
		loans[s->slot] = (struct loan){s->stamp, process_id};
		count_holders(s, -1);
		change_holder(s, own_name(), 0);
	}
	session_leave(s);
}

void session_reclaim(uint64_t entry)
{
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return;
	if (take_back(s)) {
		count_holders(s, 1);
		change_holder(s, 0, own_name());
	}
	session_leave(s);
}

/* Whose child it is, by the name that it has until its pid is known (life/fork.c). */
static pid_t parent_of(pid_t unborn)
{
	return (pid_t)(-(uint32_t)unborn >> 9);
}

bool session_is_orphan(const struct session *s)
{
	uint32_t dead = 0;
	for (int i = 0; i < SESSION_HOLDERS; i++) {
		pid_t pid = __atomic_load_n(&s->holders[i], __ATOMIC_RELAXED);
		if (pid && kernel_lives(pid < 0 ? parent_of(pid) : pid))
			return false;
		dead += pid != 0;
	}
	uint32_t all = __atomic_load_n(&s->holder_count, __ATOMIC_RELAXED);
	return dead && dead == all && !process_elsewhere;
}

/*
 * A parent that was killed in its fork may have left a child, which says its pid before it does
 * anything else.  One that has not after so long was never born, or finds its connection broken.
 */
enum { WORD = 10 }; /* seconds */

static bool awaits_word(struct session *s)
{
	bool unborn = false;
	for (int i = 0; i < SESSION_HOLDERS; i++)
		unborn |= __atomic_load_n(&s->holders[i], __ATOMIC_RELAXED) < 0;
	int64_t now = kernel_now(), since = 0;
	return unborn && (__atomic_compare_exchange_n(&s->doubted_at, &since, now, false,
	                                              __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
	                  now - since < WORD * INT64_C(1000000000));
}

static void sweep(uint32_t slot)
{
	struct session *s = arena_slot(slot);
	if (table_names(slot) || !session_is_orphan(s) || awaits_word(s) || !session_try(s))
		return;
	if (session_is_orphan(s) && !awaits_word(s))
		session_bury(s);
	else
		session_leave(s);
}

void session_sweep(void)
{
	int saved = errno;
	arena_each_taken(sweep);
	errno = saved;
}

bool session_has_others(uint64_t entry)
{
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return false;
	forget_the_dead(s);
	bool others = s->holder_count > !process_is_guest(); /* who is none of the holders */
	session_leave(s);
	return others;
}

void session_ask_reading(uint64_t entry, uint64_t carrier)
{
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return;
	s->asked_to_read = carrier;
	session_leave(s);
}

bool session_leaves_reading(uint64_t entry, uint64_t carrier)
{
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return false;
	forget_the_dead(s);
	bool leaves = s->holder_count > 1 && s->asked_to_read != carrier;
	session_leave(s);
	return leaves;
}

/* A server that forks and closes (accept(2)) leaves the connection to its child. */
static void show_another(struct session *s)
{
	for (int i = 0; s->registry->pid == (uint32_t)process_id && i < SESSION_HOLDERS; i++)
		if (s->holders[i] > 0)
			registry_pid(s->registry, s->holders[i]);
}

/* What this process has counted, or inherited, in memory that the others do not share. */
static struct rulebook *leave_to_others(struct session *s)
{
	change_holder(s, own_name(), 0);
	count_holders(s, -1);
	show_another(s);
	if (s->tls && s->tls_maker == process_id) {
		tls_leave(s->tls);
		s->tls_maker = 0;
	}
	return s->rulebook;
}

bool session_drop(uint64_t entry, int fd, bool patient)
{
	int saved = errno;
	struct session *s = session_enter_to_count(entry);
	if (!s)
		return true;
	if (take_back(s)) {
		session_leave(s);
		errno = saved;
		return true;
	}
	forget_the_dead(s);
	if (s->holder_count == 1) {
		s->counting = false;
		/* Whoever held it, too, when it was asked before may have gone since. */
		bool owes = patient && fd >= 0 && session_is_pending(entry) && session_owes(s, fd);
		if (!owes)
			record_farewell(s, fd);
		if (owes || (patient && s->tail && !s->kernel_error)) {
			session_leave(s);
			errno = saved;
			return false;
		}
		session_end(s, fd);
	} else {
		struct rulebook *rulebook = leave_to_others(s);
		session_leave(s);
		rulebook_put(rulebook);
	}
	errno = saved;
	return true;
}
