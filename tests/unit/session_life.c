/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session's states, its handshake's limits, and who holds it. */
#include "tests/unit/session_help.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void init(void)
{
	session_start("handshake_timeout = 0.2;");
}

TestSuite(session_life, .init = init, .timeout = 60);

/* Each row: what becomes of a state at begin, finished, we-close, peer-closes, breaks. */
Test(session_life, each_event_in_each_state)
{
	static const char *const expected[SESSION_STATE_COUNT][1 + SESSION_EVENT_COUNT] = {
		{"fresh", "handshaking", "failed", "failed", "failed", "failed"},
		{"handshaking", "failed", "open", "failed", "failed", "failed"},
		{"open", "failed", "failed", "shut-write", "shut-read", "failed"},
		{"shut-write", "failed", "failed", "shut-write", "closed", "failed"},
		{"shut-read", "failed", "failed", "closed", "shut-read", "failed"},
		{"closed", "failed", "failed", "closed", "closed", "failed"},
		{"failed", "failed", "failed", "failed", "failed", "failed"},
	};
	struct registry_birth birth = {.rule = "", .mode = "strict"};
	static struct session s;
	s.registry = registry_add(&birth);
	for (int state = 0; state < SESSION_STATE_COUNT; state++) {
		cr_expect_str_eq(session_state_name((enum session_state)state), expected[state][0]);
		for (int event = 0; event < SESSION_EVENT_COUNT; event++) {
			s.state = (uint8_t)state;
			session_move(&s, (enum session_event)event);
			const char *now = session_state_name((enum session_state)s.state);
			cr_expect_str_eq(now, expected[state][1 + event], "%s, event %d: %s",
			                 expected[state][0], event, now);
			cr_expect_str_eq(s.registry->state, now, "the registry says otherwise");
		}
	}
}

static void failed(struct link_pair *l, enum registry_reason reason)
{
	struct session *s = enter(l);
	cr_assert_eq(s->state, SESSION_FAILED, "%s", session_state_name(s->state));
	cr_expect_eq(s->reason, reason, "%d", s->reason);
	cr_expect_null(s->region, "a failed session keeps its memory");
	session_leave(s);
	cr_expect(kernel_says_readable(l), "pollers sleep on");
}

/* Waits until the session has had enough; what it waits for is the deadline itself. */
static void expire(struct link_pair *l)
{
	int64_t until = kernel_now() + PATIENCE * 1000000LL;
	while (state_of(l) != SESSION_FAILED && kernel_now() < until) {
		poll(NULL, 0, 5);
		pending_expire();
	}
}

Test(session_life, a_silent_peer_is_given_up)
{
	for (int side = 0; side < 2; side++) {
		struct link_pair *l = link_new(side ? POLICY_ACCEPT : POLICY_CONNECT, NULL);
		advance(l);
		struct session *s = enter(l);
		cr_expect_eq(s->region == NULL, side == 1, "what a silent client costs");
		session_leave(s);
		expire(l);
		failed(l, REGISTRY_HANDSHAKE_TIMEOUT);
		link_free(l);
	}
}

Test(session_life, half_a_hello_is_given_up)
{
	struct link_pair *l = link_new(POLICY_ACCEPT, NULL);
	end_step(l->peer);
	raw_send(l, l->peer->out, 100);
	advance(l);
	cr_expect_eq(state_of(l), SESSION_HANDSHAKING);
	expire(l);
	failed(l, REGISTRY_HANDSHAKE_TIMEOUT);
	link_free(l);
}

Test(session_life, a_peer_that_goes_in_the_middle)
{
	for (size_t said = 0; said < 200; said += 100) {
		struct link_pair *l = link_new(POLICY_ACCEPT, NULL);
		end_step(l->peer);
		raw_send(l, l->peer->out, said);
		shutdown(l->raw, SHUT_WR);
		struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};
		cr_assert_eq(poll(&p, 1, PATIENCE), 1);
		advance(l);
		failed(l, REGISTRY_PEER_CLOSED);
		link_free(l);
	}
}

Test(session_life, plaintext_is_refused_without_a_reset)
{
	struct link_pair *l = link_new(POLICY_ACCEPT, NULL);
	raw_send(l, "GET / HTTP/1.0\r\n\r\n", 18);
	advance(l);
	failed(l, REGISTRY_NOT_TLS);
	link_close(l);
	uint8_t answer[100];
	ssize_t got;
	while ((got = recv(l->raw, answer, sizeof answer, 0)) > 0)
		cr_assert_eq(answer[0], 21, "neither an alert nor the end");
	cr_expect_eq(got, 0, "a reset");
	link_free(l);
}

Test(session_life, who_is_refused_is_told_why)
{
	struct link_pair *l = link_new(POLICY_ACCEPT, end_new(POLICY_CONNECT, "impostor"));
	uint8_t plain[TLS_PLAIN];
	size_t got;
	for (int round = 0; round < 4 && state_of(l) != SESSION_FAILED; round++) {
		end_step(l->peer);
		peer_send(l);
		advance(l);
		if (l->peer->result == TLS_AGAIN)
			peer_take(l);
	}
	failed(l, REGISTRY_PEER_UNTRUSTED);
	link_close(l);
	while (peer_take(l))
		;
	cr_expect_eq(end_open(l->peer, plain, &got), TLS_FAILED);
	cr_expect_eq(l->peer->reason, REGISTRY_PEER_ALERT, "told %d", l->peer->reason);
	link_free(l);
}

/* What is written during the handshake arrives once, behind it, up to a bound. */
Test(session_life, early_writes_leave_with_the_handshake)
{
	static uint8_t text[SESSION_EARLY + 100], plain[TLS_PLAIN];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 3 + i / 256);
	struct link_pair *l = link_new(POLICY_CONNECT, NULL);
	advance(l);
	struct session *s = enter(l);
	cr_assert_eq(session_write_early(s, l->fd, text, 1000), 1000);
	cr_assert_eq(session_write_early(s, l->fd, text + 1000, sizeof text - 1000),
	             SESSION_EARLY - 1000);
	cr_assert_eq(session_write_early(s, l->fd, text, 1), OUTCOME_AGAIN);
	session_leave(s);
	link_open(l);
	size_t at = 0, got;
	while (at < SESSION_EARLY) {
		enum tls_result result = end_open(l->peer, plain, &got);
		if (result == TLS_AGAIN) {
			s = enter(l);
			record_flush(s, l->fd);
			session_leave(s);
			cr_assert(peer_take(l));
			continue;
		}
		cr_assert_eq(result, TLS_DONE);
		cr_assert_arr_eq(plain, text + at, got);
		at += got;
	}
	cr_assert_eq(at, SESSION_EARLY);
	link_free(l);
}

/* A region uses three quarters of its stretch, from some page and line on (base/arena.c). */
static size_t resident_pages(const struct region *region)
{
	unsigned char pages[ARENA_REGION / 4 * 3 / 4096 + 1];
	uintptr_t from = (uintptr_t)region & ~(uintptr_t)4095;
	size_t count = 0;
	cr_assert_eq(mincore((void *)from, sizeof pages * 4096, pages), 0);
	for (size_t i = 0; i < sizeof pages; i++)
		count += pages[i] & 1;
	return count;
}

Test(session_life, an_idle_session_keeps_three_pages)
{
	uint8_t bytes[4000] = {0};
	for (int i = 0; i < 16; i++) { /* the ones before stay: regions of other colours */
		struct link_pair *l = link_opened(i % 2 ? POLICY_ACCEPT : POLICY_CONNECT);
		struct session *s = enter(l);
		cr_expect_leq(resident_pages(s->region), 3, "%zu pages behind the handshake",
		              resident_pages(s->region));
		cr_expect_eq(write_flat(s, l->fd, bytes, sizeof bytes), 4000);
		end_seal(l->peer, bytes, sizeof bytes);
		peer_send(l);
		cr_expect_eq(record_read(s, l->fd, bytes, sizeof bytes), 4000);
		cr_expect_leq(resident_pages(s->region), 3, "%zu pages behind some data",
		              resident_pages(s->region));
		session_leave(s);
	}
}

/* ---- who holds it --------------------------------------------------------------------- */

Test(session_life, a_stale_entry_reaches_nobody)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	uint64_t old = l->entry;
	int fd = l->fd;
	link_free(l);
	cr_expect_null(session_enter(old));
	cr_expect_null(session_enter_by(fd, old));
	cr_expect_eq(session_absent(fd, old), OUTCOME_GONE);
	l = link_opened(POLICY_ACCEPT);
	cr_expect_eq(table_slot(l->entry), table_slot(old), "the slot was not used again");
	cr_expect_null(session_enter(old), "the key of the old one opens the new one");
	cr_expect_null(session_enter(TABLE_OWN));
	cr_expect_null(session_enter(TABLE_REFUSED));
	link_free(l);
}

static void await(pid_t child)
{
	cr_assert_eq(waitpid(child, NULL, 0), child);
}

Test(session_life, two_processes_and_one_sequence)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	uint8_t plain[TLS_PLAIN];
	size_t got;
	session_hold(l->entry, -7);
	pid_t child = fork();
	if (child == 0) {
		process_id = getpid();
		session_claim(l->entry, -7, process_id);
		struct session *s = session_enter(l->entry);
		ssize_t put = s ? write_flat(s, l->fd, "child", 5) : 0;
		if (s)
			session_leave(s);
		session_drop(l->entry, l->fd, false);
		_exit(put == 5 ? 0 : 1);
	}
	await(child);
	struct session *s = enter(l);
	cr_expect_eq(s->state, SESSION_OPEN, "a child's close ended it");
	cr_expect_eq(s->holder_count, 1);
	cr_expect_eq(write_flat(s, l->fd, "parent", 6), 6);
	session_leave(s);
	char said[12] = "";
	for (size_t at = 0; at < 11; at += got)
		if (end_open(l->peer, plain, &got) == TLS_AGAIN)
			cr_assert(peer_take(l));
		else
			memcpy(said + at, plain, got);
	cr_expect_str_eq(said, "childparent");
	link_free(l);
}

Test(session_life, who_uses_it_is_shown)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	struct registry_slot *registry = enter(l)->registry;
	session_leave(session_at(l->entry));
	cr_expect_eq(registry->pid, (uint32_t)getpid());
	cr_expect_not(registry->shared);
	session_hold(l->entry, -7);
	cr_expect(registry->shared);
	pid_t child = fork();
	if (child == 0) {
		process_id = getpid();
		session_claim(l->entry, -7, process_id);
		session_leave(session_enter_by(l->fd, l->entry));
		raise(SIGKILL);
	}
	await(child);
	cr_expect_eq(registry->pid, (uint32_t)child);
	session_leave(session_enter_by(l->fd, l->entry));
	cr_expect_eq(registry->pid, (uint32_t)getpid());
	link_free(l);
}

Test(session_life, a_killed_holder_does_not_keep_it)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	session_hold(l->entry, -7);
	pid_t child = fork();
	if (child == 0) {
		session_claim(l->entry, -7, getpid());
		raise(SIGKILL);
	}
	await(child);
	uint64_t old = l->entry;
	link_close(l);
	cr_expect_null(session_enter(old), "it waits for the dead");
	link_free(l);
}

Test(session_life, a_death_under_the_lock_ends_it)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	session_hold(l->entry, -7);
	pid_t child = fork();
	if (child == 0) {
		session_claim(l->entry, -7, getpid());
		session_enter(l->entry);
		raise(SIGKILL);
	}
	await(child);
	struct session *s = enter(l);
	cr_expect_eq(s->state, SESSION_FAILED);
	cr_expect_eq(s->reason, REGISTRY_HOLDER_DIED);
	session_leave(s);
	link_free(l);
}

Test(session_life, who_leaves_it_to_others_keeps_no_count)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	struct session *s = enter(l);
	struct rulebook *r = s->rulebook;
	session_leave(s);
	cr_assert_eq(r->holders, 2);
	session_hold(l->entry, -7);
	link_close(l);
	cr_expect_eq(r->holders, 1, "a reload would leave it in memory");
	cr_expect_eq(enter(l)->state, SESSION_OPEN);
	cr_expect_eq(s->tls_maker, 0, "another may let go of it once more");
	session_leave(s);
	link_free(l);
}

Test(session_life, sessions_leave_nothing_behind)
{
	uint32_t slot = 77;
	for (int i = 0; i < 200; i++) {
		struct link_pair *l = link_opened(i % 2 ? POLICY_ACCEPT : POLICY_CONNECT);
		link_free(l);
	}
	cr_assert(arena_slot_take(&slot));
	cr_expect_eq(slot, 0, "all were given back, but the first free one is %u", slot);
	struct rulebook *r = rulebook_get();
	cr_expect_eq(r->holders, 2, "the rulebook has %u holders", r->holders);
	rulebook_put(r);
}
