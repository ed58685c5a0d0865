/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading records: what the kernel says of readiness is true of the plaintext. */
#include "tests/unit/session_help.h"

static uint8_t text[1 << 17], buffer[1 << 17];

static void init(void)
{
	session_start("");
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 31 + i / 253);
}

TestSuite(session_read, .init = init, .timeout = 120);

static ssize_t peek(struct link_pair *l, size_t size)
{
	struct session *s = enter(l);
	ssize_t got = record_peek(s, l->fd, buffer, size);
	session_leave(s);
	return got;
}

static size_t available(struct link_pair *l)
{
	struct session *s = enter(l);
	size_t count = record_available(s, l->fd);
	session_leave(s);
	return count;
}

static bool readable(struct link_pair *l)
{
	struct session *s = enter(l);
	bool yes = record_readable(s, l->fd);
	session_leave(s);
	return yes;
}

/* A record read in small pieces stays readable up to its last byte, and not one look longer. */
Test(session_read, a_record_larger_than_the_buffer)
{
	static const size_t sizes[] = {1, 7, 31, 32, 33, 100, 999, 1000, 1001};
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		end_seal(l->peer, text, 1000);
		peer_send(l);
		for (size_t at = 0; at < 1000;) {
			cr_assert(kernel_says_readable(l), "%zu: silent at %zu", sizes[i], at);
			ssize_t got = read_some(l, buffer, sizes[i]);
			size_t due = sizes[i] < 1000 - at ? sizes[i] : 1000 - at;
			cr_assert_eq(got, (ssize_t)due, "%zu: %zd at %zu", sizes[i], got, at);
			cr_assert_arr_eq(buffer, text + at, due);
			at += due;
		}
		cr_assert_not(kernel_says_readable(l), "%zu: readable after all", sizes[i]);
		cr_assert_eq(read_some(l, buffer, sizes[i]), OUTCOME_AGAIN);
	}
	link_free(l);
}

/* Whoever looks at half a record finds nothing, and takes it away so that nobody is woken again. */
static void cut_everywhere(size_t size, size_t step, int how)
{
	struct link_pair *l = link_opened(how % 2 ? POLICY_ACCEPT : POLICY_CONNECT);
	size_t length = size + 22;
	for (size_t at = 1; at < length; at += step) {
		uint8_t record[TLS_RECORD];
		end_seal(l->peer, text, size);
		cr_assert_eq(l->peer->out_end, length);
		memcpy(record, l->peer->out, length);
		l->peer->out_end = 0;
		raw_send(l, record, at);
		if (how == 0)
			cr_assert_eq(read_some(l, buffer, sizeof buffer), OUTCOME_AGAIN, "%zu", at);
		else if (how == 1)
			cr_assert_eq(read_some(l, buffer, 10), OUTCOME_AGAIN, "cut %zu", at);
		else if (how == 2)
			cr_assert_eq(peek(l, 100), OUTCOME_AGAIN, "cut %zu", at);
		else if (how == 3)
			cr_assert_eq(available(l), 0, "cut %zu", at);
		else
			cr_assert_not(readable(l), "cut %zu", at);
		cr_assert_not(kernel_says_readable(l), "%zu of %zu bytes are no silence (%d)", at,
		              length, how);
		raw_send(l, record + at, length - at);
		cr_assert(kernel_says_readable(l));
		if (how >= 2)
			cr_assert_eq(available(l), size, "cut %zu", at);
		cr_assert_eq(read_some(l, buffer, sizeof buffer), (ssize_t)size, "cut %zu", at);
		cr_assert_arr_eq(buffer, text, size);
		cr_assert_not(kernel_says_readable(l), "cut %zu: a token is left", at);
	}
	link_free(l);
}

Test(session_read, half_a_record_is_silence)
{
	for (int how = 0; how < 5; how++) {
		cut_everywhere(1, 1, how);
		cut_everywhere(100, 1, how);
		cut_everywhere(TLS_PLAIN, 997, how);
	}
}

Test(session_read, peeking_takes_nothing_and_sees_across_records)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	for (int i = 0; i < 5; i++)
		end_seal(l->peer, text + i * 100, 100);
	peer_send(l);
	static const size_t sizes[] = {1, 99, 100, 101, 350, 500, 5000};
	for (int skip = 0; skip < 500; skip += 50) {
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			size_t left = (size_t)(500 - skip), due = sizes[i] < left ? sizes[i] : left;
			cr_assert_eq(peek(l, sizes[i]), (ssize_t)due, "%d: %zu", skip, sizes[i]);
			cr_assert_arr_eq(buffer, text + skip, due);
			cr_assert(kernel_says_readable(l));
			cr_assert_eq(available(l), left);
		}
		cr_assert_eq(read_some(l, buffer, 50), 50);
		cr_assert_arr_eq(buffer, text + skip, 50);
	}
	cr_assert_not(kernel_says_readable(l));
	cr_assert_eq(peek(l, 10), OUTCOME_AGAIN);
	link_free(l);
}

Test(session_read, what_carries_no_data_is_no_data)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	for (int how = 0; how < 4; how++) {
		struct tls_io io;
		end_tls_io(l->peer, &io);
		wolfSSL_SetIOWriteCtx((WOLFSSL *)l->peer->tls, &io);
		cr_assert_eq(wolfSSL_update_keys((WOLFSSL *)l->peer->tls), WOLFSSL_SUCCESS);
		l->peer->out_end += io.out_used;
		peer_send(l);
		if (how == 0)
			cr_expect_eq(read_some(l, buffer, 100), OUTCOME_AGAIN);
		else if (how == 1)
			cr_expect_eq(peek(l, 100), OUTCOME_AGAIN);
		else if (how == 2)
			cr_expect_not(readable(l));
		else
			cr_expect_eq(available(l), 0);
		cr_expect_not(kernel_says_readable(l), "a KeyUpdate is left (%d)", how);
		end_seal(l->peer, text, 100);
		peer_send(l);
		cr_assert_eq(read_some(l, buffer, 200), 100);
	}
	link_free(l);
}

/* ---- anything in any order ----------------------------------------------------------------- */

struct model {
	struct link_pair *link;
	unsigned seed;
	uint8_t wire[1 << 17];             /* sealed and not sent yet: wire_at .. wire_end */
	size_t wire_at, wire_end;
	size_t ends[4096], sizes[4096];    /* of records, in bytes of the wire; their plaintext */
	size_t first, count, written, sent; /* records not on the wire wholly; sealed; sent */
	size_t complete, delivered;        /* plaintext that must be readable up to; was read */
	size_t sealed;                     /* plaintext in all */
};

static size_t pick(struct model *m, size_t most)
{
	static const size_t usual[] = {1, 5, 40, 300, 4000, TLS_PLAIN};
	size_t limit = usual[rand_r(&m->seed) % 6];
	return (size_t)rand_r(&m->seed) % (limit < most ? limit : most) + 1;
}

static void seal_some(struct model *m)
{
	size_t size = pick(m, TLS_PLAIN);
	if (m->sealed + size > sizeof text - TLS_PLAIN ||
	    m->sealed - m->delivered + size > 30000 || m->count == 4096)
		return;
	if (m->wire_at == m->wire_end)
		m->wire_at = m->wire_end = 0;
	if (sizeof m->wire - m->wire_end < size + 64)
		return;
	end_seal(m->link->peer, text + m->sealed, size);
	size_t length = m->link->peer->out_end;
	memcpy(m->wire + m->wire_end, m->link->peer->out, length);
	m->link->peer->out_end = 0;
	m->wire_end += length;
	m->sealed += size;
	m->written += length;
	m->ends[m->count] = m->written;
	m->sizes[m->count++] = size;
}

static void send_some(struct model *m)
{
	size_t left = m->wire_end - m->wire_at;
	if (!left)
		return;
	size_t part = rand_r(&m->seed) % 3 ? pick(m, left) : left;
	raw_send(m->link, m->wire + m->wire_at, part);
	m->wire_at += part;
	m->sent += part;
	for (; m->first < m->count && m->ends[m->first] <= m->sent; m->first++)
		m->complete += m->sizes[m->first];
}

static void take_some(struct model *m)
{
	size_t there = m->complete - m->delivered, size = pick(m, sizeof buffer);
	if (rand_r(&m->seed) % 4 == 0)
		size = sizeof buffer;
	ssize_t due = there == 0 ? OUTCOME_AGAIN : (ssize_t)(size < there ? size : there);
	ssize_t got = due;
	int how = rand_r(&m->seed) % 6;
	if (how == 0)
		got = peek(m->link, size < 60000 ? size : 60000);
	else if (how == 1)
		cr_assert_eq(available(m->link), there);
	else if (how == 2)
		cr_assert_eq(readable(m->link), there > 0);
	else
		got = read_some(m->link, buffer, size);
	if (how == 0 && due > 60000)
		due = 60000;
	cr_assert_eq(got, due, "%s %zu of %zu gave %zd", how ? "read" : "peek", size, there, got);
	if (got > 0 && (how == 0 || how > 2))
		cr_assert_arr_eq(buffer, text + m->delivered, (size_t)got, "bytes have changed");
	if (how > 2 && got > 0)
		m->delivered += (size_t)got;
	bool more = m->complete > m->delivered;
	bool partial = m->first < m->count &&
	               m->sent > (m->first ? m->ends[m->first - 1] : 0);
	bool says = kernel_says_readable(m->link);
	if (more)
		cr_assert(says, "%zu bytes, and nobody knows", m->complete - m->delivered);
	else if (got == OUTCOME_AGAIN || !partial)
		cr_assert_not(says, "nothing is there, but the kernel says so (%d)", how);
}

Test(session_read, any_cuts_any_sizes_any_order)
{
	static struct model m;
	for (unsigned seed = 1; seed <= 150; seed++) {
		memset(&m, 0, sizeof m);
		m.seed = seed;
		m.link = link_opened(seed % 2 ? POLICY_ACCEPT : POLICY_CONNECT);
		for (int step = 0; step < 400; step++) {
			int what = rand_r(&m.seed) % 4;
			if (what == 0)
				seal_some(&m);
			else if (what == 1)
				send_some(&m);
			else
				take_some(&m);
		}
		link_free(m.link);
	}
}

/* ---- ends ---------------------------------------------------------------------------------- */

Test(session_read, a_goodbye_is_readable_for_ever)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	end_seal(l->peer, text, 100);
	end_goodbye(l->peer);
	peer_send(l);
	cr_assert_eq(read_some(l, buffer, 40), 40);
	cr_assert_eq(read_some(l, buffer, 100), 60);
	for (int i = 0; i < 3; i++) {
		cr_assert(kernel_says_readable(l), "the end is not seen");
		cr_assert_eq(read_some(l, buffer, 100), OUTCOME_END);
		cr_assert_eq(peek(l, 100), OUTCOME_END);
	}
	cr_assert_eq(state_of(l), SESSION_SHUT_READ);
	struct session *s = enter(l);
	cr_assert_eq(write_flat(s, l->fd, text, 100), 100, "the other way is still open");
	session_leave(s);
	link_free(l);
}

Test(session_read, an_end_without_goodbye_is_told_after_the_data)
{
	static const size_t cuts[] = {0, 1, 10, 121};
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		struct link_pair *l = link_opened(POLICY_ACCEPT);
		end_seal(l->peer, text, 100);
		size_t length = l->peer->out_end;
		end_seal(l->peer, text, 100);
		raw_send(l, l->peer->out, length + cuts[i]);
		shutdown(l->raw, SHUT_WR);
		struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};
		cr_assert_eq(poll(&p, 1, PATIENCE), 1);
		cr_assert_eq(read_some(l, buffer, 30), 30);
		cr_assert_eq(read_some(l, buffer, 300), 70, "the data before the end is lost");
		cr_assert_eq(read_some(l, buffer, 300), OUTCOME_RESET);
		struct session *s = enter(l);
		cr_assert_eq(s->state, SESSION_FAILED);
		cr_assert_eq(s->reason, REGISTRY_TRUNCATED);
		session_leave(s);
		cr_assert(kernel_says_readable(l), "pollers sleep on");
		link_free(l);
	}
}

Test(session_read, a_changed_record_ends_it_after_the_data)
{
	for (size_t byte = 0; byte < 122; byte++) {
		if (byte > 0 && byte < 5)
			continue;
		struct link_pair *l = link_opened(POLICY_ACCEPT);
		end_seal(l->peer, text, 100);
		size_t length = l->peer->out_end;
		end_seal(l->peer, text, 100);
		l->peer->out[length + byte] ^= 0x40;
		peer_send(l);
		ssize_t got = byte % 2 ? read_some(l, buffer, 500) : read_some(l, buffer, 20);
		cr_assert_eq(got, byte % 2 ? 100 : 20, "byte %zu: %zd", byte, got);
		size_t sum = (size_t)got;
		while ((got = read_some(l, buffer, 500)) > 0)
			sum += (size_t)got;
		cr_assert_eq(sum, 100, "byte %zu: %zu bytes of 100", byte, sum);
		cr_assert_eq(got, OUTCOME_RESET, "byte %zu: %zd", byte, got);
		cr_assert_eq(state_of(l), SESSION_FAILED);
		struct session *s = enter(l);
		cr_assert_eq(s->reason, REGISTRY_BAD_RECORD, "byte %zu: %d", byte, s->reason);
		session_leave(s);
		cr_assert(kernel_says_readable(l), "pollers sleep on");
		link_free(l);
	}
}
