/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions whose holders were killed: taken back where nobody could use them, and only there. */
#include "tests/unit/session_help.h"

#include "shim/base/arena.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { EACH = 32, UNBORN = -7 };

static pid_t dead, living; /* the dead one has not been waited for, so nobody gets its pid */

static pid_t child_that_waits(void)
{
	pid_t pid = fork();
	must(pid >= 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pid == 0)
		pause();
	return pid;
}

static void kill_child(pid_t pid)
{
	siginfo_t how;
	must(kill(pid, SIGKILL) == 0);
	must(waitid(P_PID, (id_t)pid, &how, WEXITED | WNOWAIT) == 0);
}

static void init(void)
{
	session_start("");
	dead = child_that_waits();
	living = child_that_waits();
	kill_child(dead);
}

static void fini(void)
{
	kill(living, SIGKILL);
}

TestSuite(session_sweep, .init = init, .fini = fini, .timeout = 60);

/* A session that others hold, as the last close of this process leaves it. */
static struct link_pair *held_by(uint32_t count, const pid_t *holders, size_t listed)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	struct session *s = enter(l);
	must(table_change(l->fd, l->entry, 0));
	memset(s->holders, 0, sizeof s->holders);
	memcpy(s->holders, holders, listed * sizeof *holders);
	s->holder_count = count;
	session_leave(s);
	return l;
}

static bool is_over(struct link_pair *l)
{
	struct session *s = session_enter(l->entry);
	if (s)
		session_leave(s);
	return !s;
}

/* It is not ours to drop. */
static void forget(struct link_pair *l)
{
	close(l->fd);
	close(l->raw);
	if (l->peer)
		end_free(l->peer);
	free(l);
}

/* Killed when the memory of the session was given back, and nothing else was done. */
Test(session_sweep, an_end_that_was_begun_is_brought_to_its_end)
{
	struct link_pair *l = held_by(1, &dead, 1);
	struct session *s = enter(l);
	arena_region_give(s->slot);
	session_leave(s);
	session_sweep();
	cr_expect(is_over(l));
	forget(l);
}

Test(session_sweep, who_is_in_doubt_lives)
{
	pid_t many[SESSION_HOLDERS];
	for (int i = 0; i < SESSION_HOLDERS; i++)
		many[i] = dead;
	const struct {
		const char *what;
		uint32_t count;
		pid_t holders[2];
		const pid_t *list;
		size_t listed;
		bool over;
	} rows[] = {
		{"one, dead", 1, {dead}, NULL, 1, true},
		{"two, dead", 2, {dead, dead}, NULL, 2, true},
		{"one in the second place", 1, {0, dead}, NULL, 2, true},
		{"as many as there is room for", SESSION_HOLDERS, {0}, many, SESSION_HOLDERS, true},
		{"one, alive", 1, {living}, NULL, 1, false},
		{"one of two", 2, {dead, living}, NULL, 2, false},
		{"this very process", 1, {getpid()}, NULL, 1, false},
		{"a child without a pid", 1, {UNBORN}, NULL, 1, false},
		{"of a living parent", 1, {-(living << 9 | 1)}, NULL, 1, false},
		{"beside a dead one", 2, {dead, UNBORN}, NULL, 2, false},
		{"one that is only counted", 2, {dead}, NULL, 1, false},
		{"of many", SESSION_HOLDERS + 1, {0}, many, SESSION_HOLDERS, false},
		{"nobody known", 1, {0}, NULL, 1, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const pid_t *list = rows[i].list ? rows[i].list : rows[i].holders;
		struct link_pair *l = held_by(rows[i].count, list, rows[i].listed);
		errno = 0;
		session_sweep();
		cr_expect_eq(errno, 0);
		cr_expect_eq(is_over(l), rows[i].over, "%s", rows[i].what);
		forget(l);
	}
}

/* As session_hold() is told by a fork, in whose middle the parent was killed. */
Test(session_sweep, a_child_that_was_never_born)
{
	const int64_t second = 1000000000;
	pid_t holders[] = {dead, -(dead << 9 | 511)};
	struct link_pair *l = held_by(2, holders, 2);
	struct session *s = session_at(l->entry);
	session_sweep();
	session_sweep();
	cr_expect_not(is_over(l), "it may say its pid yet");
	s->doubted_at -= 11 * second;
	session_claim(l->entry, holders[1], living);
	session_sweep();
	cr_expect_not(is_over(l), "it has said it");
	must(session_hold(l->entry, holders[1]));
	session_claim(l->entry, living, dead);
	session_sweep();
	cr_expect_not(is_over(l), "another has all the time again");
	s->doubted_at -= 11 * second;
	session_sweep();
	cr_expect(is_over(l));
	forget(l);
}

Test(session_sweep, nothing_of_it_is_left)
{
	struct link_pair *l = held_by(1, &dead, 1);
	struct session *s = enter(l);
	struct registry_slot *registry = s->registry;
	struct region *region = s->region;
	uint32_t slot = s->slot, stamp = s->stamp;
	session_leave(s);
	cr_assert_eq(registry->live, REGISTRY_LIVE);
	session_sweep();
	cr_expect_eq(registry->live, REGISTRY_CLOSED);
	cr_expect_eq(registry->verdict, REGISTRY_TLS);
	cr_expect_neq(s->stamp, stamp, "an old key opens it");
	cr_expect_null(s->region);
	static const uint8_t nothing[4096];
	cr_expect_arr_eq(region, nothing, sizeof nothing, "what it knew is still there");
	uint32_t index;
	cr_assert(arena_slot_find(&index));
	cr_expect_eq(index, slot, "the slot was not given back");
	struct rulebook *r = rulebook_get();
	cr_expect_eq(r->holders, 3, "another process's count was taken for ours: %u", r->holders);
	rulebook_put(r);
	forget(l);
}

Test(session_sweep, what_a_number_here_names_stays)
{
	struct link_pair *l = held_by(1, &dead, 1);
	table_swap(l->fd, l->entry); /* as while an exec has not failed yet */
	session_sweep();
	cr_expect_not(is_over(l));
	table_swap(l->fd, 0);
	session_sweep();
	cr_expect(is_over(l));
	forget(l);
}

Test(session_sweep, in_another_pid_namespace_nobody_is_known)
{
	struct link_pair *l = held_by(1, &dead, 1), *other = link_opened(POLICY_ACCEPT);
	pid_t both[] = {dead, living};
	must(session_hold(other->entry, UNBORN));
	process_elsewhere = true;
	session_sweep();
	cr_expect_not(is_over(l), "the pid may be that of somebody else");
	session_claim(other->entry, UNBORN, process_id); /* counted, and known by no name */
	struct session *s = enter(other);
	cr_expect_eq(s->holder_count, 2);
	cr_expect_eq(s->holders[0], process_id);
	cr_expect_eq(s->holders[1], 0);
	memcpy(s->holders, both, sizeof both);
	session_leave(s);
	session_lend(other->entry);
	cr_expect_eq(s->holder_count, 1);
	session_reclaim(other->entry);
	cr_expect_eq(s->holder_count, 2);
	session_reclaim(other->entry);
	cr_expect_eq(s->holder_count, 2);
	session_drop(other->entry, other->fd, false);
	cr_expect_eq(s->holder_count, 1, "the dead one was forgotten");
	cr_expect_eq(memcmp(s->holders, both, sizeof both), 0);
	process_elsewhere = false;
	session_sweep();
	cr_expect(is_over(l));
	forget(l);
}

/* In a child that is killed there, or goes on, until it is. */
static pid_t child_inside(struct link_pair *l)
{
	int ready[2];
	char byte;
	must(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(session_enter(l->entry) != NULL);
		must(write(ready[1], "", 1) == 1);
		while (true)
			pause();
	}
	must(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

Test(session_sweep, a_death_inside)
{
	struct link_pair *l = held_by(1, &dead, 1);
	pid_t child = child_inside(l);
	session_sweep(); /* and waits for nobody */
	struct session *s = session_at(l->entry);
	struct registry_slot *registry = s->registry;
	cr_expect_eq(s->stamp, table_stamp(l->entry), "somebody was in it");
	kill_child(child);
	session_sweep();
	cr_expect(is_over(l));
	cr_expect_eq(registry->live, REGISTRY_CLOSED);
	cr_expect_eq(registry->verdict, REGISTRY_TLS, "as if it had been refused");
	forget(l);
}

Test(session_sweep, a_death_inside_what_others_hold)
{
	struct link_pair *l = held_by(1, &dead, 1);
	struct session *s = session_at(l->entry);
	pid_t child = child_inside(l);
	kill_child(child);
	cr_expect(session_try(s));
	session_leave(s);
	s->holders[0] = living;
	kill_child(child_inside(l));
	cr_expect(session_try(s));
	cr_expect_eq(s->state, SESSION_FAILED);
	cr_expect_eq(s->registry->reason, REGISTRY_HOLDER_DIED);
	session_leave(s);
	forget(l);
}

Test(session_sweep, a_death_at_birth_or_at_the_end_is_nobodys)
{
	struct link_pair *l = held_by(1, &dead, 1);
	pid_t child = child_inside(l);
	struct session *s = session_at(l->entry);
	struct registry_slot *registry = s->registry;
	s->holder_count = 0;
	kill_child(child);
	session_sweep();
	cr_expect(is_over(l));
	cr_expect_neq(registry->reason, REGISTRY_HOLDER_DIED, "it is another's by now");
	forget(l);
}

/* As a server does that forks for each connection, when its children are killed. */
Test(session_sweep, killed_holders_do_not_fill_the_arena)
{
	for (int i = 0; i < 5 * EACH; i++) {
		struct link_pair *l = link_born(POLICY_ACCEPT);
		cr_assert_lt(table_slot(l->entry), EACH, "session %d lies in slot %u", i,
		             table_slot(l->entry));
		must(session_hold(l->entry, UNBORN));
		session_claim(l->entry, UNBORN, dead);
		must(table_change(l->fd, l->entry, 0));
		struct session *s = enter(l);
		s->holders[0] = 0;
		s->holder_count--;
		session_leave(s);
		forget(l);
	}
}

/* One that is held from before the workers come, who are killed one after the other. */
Test(session_sweep, killed_holders_make_room_for_others)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	for (int i = 0; i < 3 * SESSION_HOLDERS; i++) {
		must(session_hold(l->entry, UNBORN));
		session_claim(l->entry, UNBORN, dead);
	}
	uint64_t old = l->entry;
	link_close(l);
	cr_expect_null(session_enter(old), "it waits for the dead");
	link_free(l);
}
