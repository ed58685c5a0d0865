/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing records: what was accepted leaves, and who waits for room is woken. */
#include "tests/unit/session_help.h"

#include <sys/epoll.h>

static uint8_t text[1 << 20];
static uint8_t plain[TLS_PLAIN];

static void init(void)
{
	session_start("");
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 13 + i / 257);
}

TestSuite(session_write, .init = init, .timeout = 120);

static ssize_t write_some(struct link_pair *l, const void *bytes, size_t size, bool *tail)
{
	struct session *s = enter(l);
	ssize_t put = write_flat(s, l->fd, bytes, size);
	if (tail)
		*tail = s->tail != NULL;
	session_leave(s);
	return put;
}

/* Opens what the peer has and compares it; returns how much plaintext there is now. */
static size_t compare(struct link_pair *l, size_t at)
{
	size_t got;
	enum tls_result result;
	while ((result = end_open(l->peer, plain, &got)) == TLS_DONE) {
		cr_assert_leq(at + got, sizeof text);
		cr_assert_arr_eq(plain, text + at, got, "changed on the way");
		at += got;
	}
	cr_assert_eq(result, TLS_AGAIN, "%d", l->peer->reason);
	return at;
}

/* The peer reads until nothing more is on the way. */
static size_t drain(struct link_pair *l, size_t at)
{
	struct pollfd p = {.fd = l->raw, .events = POLLIN};
	while (poll(&p, 1, 20) == 1) {
		cr_assert(peer_take(l));
		at = compare(l, at);
	}
	return at;
}

static int watch_for_room(int fd)
{
	struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
	int ep = epoll_create1(0);
	cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	cr_assert_eq(epoll_wait(ep, &event, 1, PATIENCE), 1, "no room to begin with");
	return ep;
}

static void fill_and_drain(int buffer, unsigned seed)
{
	struct link_pair *l = link_opened(seed % 2 ? POLICY_ACCEPT : POLICY_CONNECT);
	if (buffer)
		setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	int ep = watch_for_room(l->fd);
	struct epoll_event event;
	size_t put = 0, got = 0;
	for (int full = 0; full < 6 && put < sizeof text;) {
		size_t size = (size_t)rand_r(&seed) % (rand_r(&seed) % 2 ? 700 : 70000) + 1;
		if (size > sizeof text - put)
			size = sizeof text - put;
		bool tail;
		ssize_t part = write_some(l, text + put, size, &tail);
		if (part == (ssize_t)size)
			cr_assert_not(tail, "SO_SNDBUF %d: a tail of %zu bytes", buffer, size);
		if (part > 0)
			put += (size_t)part;
		if (part != OUTCOME_AGAIN)
			continue;
		full++;
		while (epoll_wait(ep, &event, 1, 0) == 1)
			;
		got = drain(l, got);
		cr_assert_eq(epoll_wait(ep, &event, 1, PATIENCE), 1,
		             "SO_SNDBUF %d: room, but no edge", buffer);
		cr_assert(tail || got == put, "%zu written, %zu arrived", put, got);
	}
	struct session *s = enter(l);
	while (!record_flush(s, l->fd))
		got = drain(l, got);
	session_leave(s);
	while (got < put) {
		cr_assert(peer_take(l));
		got = compare(l, got);
	}
	cr_assert_eq(got, put);
	close(ep);
	link_free(l);
}

Test(session_write, room_is_known_and_waited_for)
{
	static const int buffers[] = {0, 1, 4608, 10000, 40000, 200000};
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		for (unsigned seed = 1; seed <= 4; seed++)
			fill_and_drain(buffers[i], seed);
}

Test(session_write, what_fits_arrives_without_another_call)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	size_t at = 0, got = 0;
	for (size_t size = 1; size < 60000; size = size * 2 + 1) {
		cr_assert_eq(write_some(l, text + at, size, NULL), (ssize_t)size);
		for (at += size; got < at; got = compare(l, got))
			cr_assert(peer_take(l), "%zu of %zu", got, at);
	}
	link_free(l);
}

/* ---- the last close ------------------------------------------------------------------------ */

enum ending { CLEAN, CUT, RESET };

/* How the connection ends for the peer: goodbye and FIN, FIN alone, or a reset. */
static enum ending ending(struct link_pair *l)
{
	size_t got;
	bool goodbye = false;
	for (;;) {
		struct pollfd p = {.fd = l->raw, .events = POLLIN};
		cr_assert_eq(poll(&p, 1, PATIENCE), 1, "no end");
		errno = 0;
		bool more = peer_take(l);
		int error = errno;
		enum tls_result result;
		while ((result = end_open(l->peer, plain, &got)) == TLS_DONE)
			;
		goodbye |= result == TLS_CLOSED;
		if (!more)
			return error == ECONNRESET ? RESET : goodbye ? CLEAN : CUT;
	}
}

Test(session_write, close_says_goodbye)
{
	for (int side = 0; side < 2; side++) {
		struct link_pair *l = link_opened(side ? POLICY_ACCEPT : POLICY_CONNECT);
		cr_assert_eq(write_some(l, text, 1000, NULL), 1000);
		link_close(l);
		cr_expect_eq(ending(l), CLEAN);
		link_free(l);
	}
}

Test(session_write, a_goodbye_or_a_key_update_unread_is_no_reset)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	end_goodbye(l->peer);
	peer_send(l);
	link_close(l);
	cr_expect_eq(ending(l), CLEAN, "close_notify");
	link_free(l);

	l = link_opened(POLICY_ACCEPT);
	end_goodbye(l->peer);
	peer_send(l);
	shutdown(l->raw, SHUT_WR);
	link_close(l);
	cr_expect_eq(ending(l), CLEAN, "close_notify and FIN");
	link_free(l);

	l = link_opened(POLICY_ACCEPT);
	struct tls_io io;
	end_tls_io(l->peer, &io);
	wolfSSL_SetIOWriteCtx((WOLFSSL *)l->peer->tls, &io);
	cr_assert_eq(wolfSSL_update_keys((WOLFSSL *)l->peer->tls), WOLFSSL_SUCCESS);
	l->peer->out_end += io.out_used;
	peer_send(l);
	link_close(l);
	cr_expect_eq(ending(l), CLEAN, "KeyUpdate");
	link_free(l);
}

Test(session_write, an_unread_ticket_is_no_reset)
{
	struct end *foreign = end_foreign(POLICY_ACCEPT, "server", wolfTLSv1_3_server_method());
	struct link_pair *l = link_new(POLICY_CONNECT, foreign);
	for (int round = 0; round < 6 && state_of(l) != SESSION_OPEN; round++) {
		advance(l);
		if (l->peer->result == TLS_AGAIN)
			peer_take(l);
		end_step(l->peer);
		peer_send(l);
	}
	while (l->peer->result == TLS_AGAIN) { /* its ticket comes behind our last flight */
		peer_take(l);
		end_step(l->peer);
		peer_send(l);
	}
	cr_assert_eq(state_of(l), SESSION_OPEN);
	cr_assert(kernel_says_readable(l), "this server sends no ticket: the test is void");
	link_close(l);
	cr_expect_eq(ending(l), CLEAN);
	/* Not freed: its library made things for the context in the connection's region. */
}

Test(session_write, unread_data_is_a_reset)
{
	for (int how = 0; how < 3; how++) {
		struct link_pair *l = link_opened(POLICY_ACCEPT);
		end_seal(l->peer, text, 500);
		if (how == 2)
			end_goodbye(l->peer);
		peer_send(l);
		if (how == 1)
			cr_assert_eq(read_some(l, plain, 100), 100);
		link_close(l);
		cr_expect_eq(ending(l), RESET, "case %d: the peer thinks its data was taken", how);
		link_free(l);
	}
}

Test(session_write, shutdown_says_goodbye_and_reading_goes_on)
{
	struct link_pair *l = link_opened(POLICY_CONNECT);
	cr_assert_eq(write_some(l, text, 300, NULL), 300);
	struct session *s = enter(l);
	session_shut_write(s, l->fd, SHUT_WR);
	cr_expect_eq(s->state, SESSION_SHUT_WRITE);
	session_leave(s);
	cr_expect_eq(ending(l), CLEAN);
	end_seal(l->peer, text, 700);
	peer_send(l);
	cr_expect_eq(read_some(l, plain, 1000), 700);
	end_goodbye(l->peer);
	peer_send(l);
	cr_expect_eq(read_some(l, plain, 1000), OUTCOME_END);
	cr_expect_eq(state_of(l), SESSION_CLOSED);
	link_free(l);
}

/* ---- what the kernel attests --------------------------------------------------------------- */

Test(session_write, bytes_past_us_are_noticed)
{
	static const int sizes[] = {0, 1, 5, 100};
	for (int i = 0; i < 8; i++) {
		int bytes = sizes[i / 2];
		struct link_pair *l = link_opened(POLICY_ACCEPT);
		cr_assert_eq(write_some(l, text, 50000, NULL), 50000);
		struct session *s = enter(l);
		struct registry_slot *slot = s->registry;
		cr_assert_eq(send(l->fd, text, (size_t)bytes, 0), bytes);
		if (i % 2)
			session_shut_write(s, l->fd, SHUT_WR);
		session_leave(s);
		link_close(l);
		cr_expect_eq(slot->bypass, bytes, "%d bytes past us: %d", bytes, (int)slot->bypass);
		link_free(l);
	}
}

/* tcp(7): a FIN that waits behind unsent data counts as a byte not sent. */
Test(session_write, a_fin_that_waits_is_no_byte_past_us)
{
	struct link_pair *l = link_opened(POLICY_ACCEPT);
	size_t put = 0;
	ssize_t part;
	while ((part = write_some(l, text, sizeof text, NULL)) > 0)
		put += (size_t)part;
	cr_assert_eq(part, OUTCOME_AGAIN);
	cr_assert_gt(put, 100000);
	struct session *s = enter(l);
	struct registry_slot *slot = s->registry;
	session_shut_write(s, l->fd, SHUT_WR);
	cr_assert_not(s->shutdown_wanted, "no room for the goodbye: the test is void");
	session_leave(s);
	link_close(l);
	cr_expect_eq(slot->bypass, 0, "%d bytes", (int)slot->bypass);
	link_free(l);
}
