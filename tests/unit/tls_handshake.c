/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handshake in memory: its bytes may come in any pieces, and not one may be changed. */
#include "tests/unit/tls_help.h"

static struct end *client, *server;

static void make(void)
{
	client = end_new(POLICY_CONNECT, "client");
	server = end_new(POLICY_ACCEPT, "server");
}

static void start(void)
{
	end_start(client);
	end_start(server);
}

static void stop(void)
{
	end_stop(client);
	end_stop(server);
}

TestSuite(tls_handshake, .init = make, .timeout = 240);

/* What was sent arrives in pieces that `size` chooses, with a step after each. */
static void carry_in_pieces(struct end *from, struct end *to, size_t (*size)(void))
{
	static uint8_t bytes[sizeof from->out];
	size_t count = from->out_end;
	memcpy(bytes, from->out, count);
	from->out_end = 0;
	for (size_t at = 0, part; at < count; at += part) {
		part = size();
		if (part > count - at)
			part = count - at;
		cr_assert_neq(to->result, TLS_FAILED, "reason %d", to->reason);
		end_arrive(to, bytes + at, part);
		end_step(to);
	}
}

static void shake_in_pieces(size_t (*size)(void))
{
	end_step(client);
	for (int round = 0; round < 4; round++) {
		carry_in_pieces(client, server, size);
		carry_in_pieces(server, client, size);
	}
	cr_assert_eq(client->result, TLS_DONE);
	cr_assert_eq(server->result, TLS_DONE);
}

static size_t one(void)
{
	return 1;
}

static unsigned seed = 1;

static size_t any(void)
{
	return (size_t)rand_r(&seed) % (rand_r(&seed) % 2 ? 8 : 1500) + 1;
}

/* After a handshake both can still talk: nothing was lost and nothing was taken too much. */
static void talk(struct end *from, struct end *to)
{
	uint8_t plain[TLS_PLAIN];
	size_t got;
	end_seal(from, "after the handshake", 19);
	end_carry(from, to);
	cr_assert_eq(end_open(to, plain, &got), TLS_DONE);
	cr_assert(got == 19 && memcmp(plain, "after the handshake", 19) == 0);
	cr_assert_eq(to->in_at, to->in_end, "bytes are left over");
}

static void talk_both_ways(void)
{
	talk(client, server);
	talk(server, client);
}

Test(tls_handshake, one_byte_at_a_time)
{
	start();
	shake_in_pieces(one);
	talk_both_ways();
}

Test(tls_handshake, any_pieces)
{
	for (int i = 0; i < 200; i++) {
		start();
		shake_in_pieces(any);
		talk_both_ways();
		stop();
	}
}

/* A client whose key shares the server has no use for is asked again. */
Test(tls_handshake, a_second_client_hello_in_pieces)
{
	server->rule.profile = POLICY_NIST;
	start();
	shake_in_pieces(one);
	talk_both_ways();
	for (int i = 0; i < 50; i++) {
		stop();
		start();
		shake_in_pieces(any);
		talk_both_ways();
	}
}

static void tls12_client(void)
{
	client = end_foreign(POLICY_CONNECT, "client", wolfTLSv1_2_client_method());
	server = end_new(POLICY_ACCEPT, "server");
	server->rule.profile = POLICY_INTERMEDIATE;
	start();
}

Test(tls_handshake, tls_1_2_one_byte_at_a_time)
{
	tls12_client();
	shake_in_pieces(one);
	talk_both_ways();
}

/*
 * `to` is given what `from` sent cut in two at `at`, and is silent until it has all of it (the
 * last byte of a flight at the latest makes it speak).  Returns the length of the flight.
 */
static size_t cut(struct end *from, struct end *to, size_t at, bool silent)
{
	size_t count = from->out_end;
	if (at >= count)
		return count;
	end_arrive(to, from->out, at);
	cr_assert_eq(end_step(to), TLS_AGAIN, "cut at %zu: reason %d", at, to->reason);
	cr_assert(!silent || !to->out_end, "cut at %zu: it answered", at);
	end_arrive(to, from->out + at, count - at);
	from->out_end = 0;
	return count;
}

Test(tls_handshake, a_client_hello_cut_anywhere)
{
	for (size_t at = 0, count = 1; at < count; at++) {
		start();
		end_step(client);
		count = cut(client, server, at, true);
		cr_assert(end_shake(client, server), "cut at %zu of %zu", at, count);
		stop();
	}
}

Test(tls_handshake, a_server_flight_cut_anywhere)
{
	for (size_t at = 0, count = 1; at < count; at++) {
		start();
		end_step(client);
		end_carry(client, server);
		end_step(server);
		count = cut(server, client, at, false);
		cr_assert(end_shake(client, server), "cut at %zu of %zu", at, count);
		stop();
	}
}

Test(tls_handshake, a_client_flight_cut_anywhere)
{
	for (size_t at = 0, count = 1; at < count; at++) {
		start();
		end_step(client);
		end_carry(client, server);
		end_step(server);
		end_carry(server, client);
		end_step(client);
		count = cut(client, server, at, true);
		cr_assert(end_shake(client, server), "cut at %zu of %zu", at, count);
		stop();
	}
}

/* Data right behind the last flight is the records' business: not a byte of it may be taken. */
Test(tls_handshake, takes_nothing_behind_its_end)
{
	for (int old = 0; old < 2; old++) {
		if (old)
			tls12_client();
		else
			start();
		end_step(client);
		for (int i = 0; i < 4 && client->result != TLS_DONE; i++) {
			end_carry(client, server);
			end_step(server);
			if (old && server->result == TLS_DONE) /* 1.2: the server is last */
				end_seal(server, "early", 5);
			end_carry(server, client);
			end_step(client);
		}
		struct end *to = old ? client : server, *from = old ? server : client;
		uint8_t plain[TLS_PLAIN];
		size_t got;
		if (!old)
			end_seal(client, "early", 5);
		end_carry(from, to);
		cr_assert_eq(end_step(to), TLS_DONE);
		cr_assert_eq(to->in_end - to->in_at, 5 + tls_overhead(to->tls));
		cr_assert_eq(end_open(to, plain, &got), TLS_DONE);
		cr_assert(got == 5 && memcmp(plain, "early", 5) == 0);
		stop();
	}
}

/* ---- a flipped bit --------------------------------------------------------------------------- */

/* Runs a handshake in which a bit of the number-th byte that `from` sends is flipped; false when
 * it sends less than that. */
static bool shake_with_flip(struct end *from, size_t number, uint8_t bit)
{
	size_t sent = 0;
	bool flipped = false;
	for (int round = 0; round < 6; round++) {
		struct end *turns[] = {client, server};
		for (int i = 0; i < 2; i++) {
			struct end *e = turns[i];
			end_step(e);
			if (e == from && number >= sent && number < sent + e->out_end) {
				e->out[number - sent] ^= bit;
				flipped = true;
			}
			if (e == from)
				sent += e->out_end;
			end_carry(e, turns[!i]);
		}
	}
	return flipped;
}

/*
 * The handshake's only unprotected bytes are the version of a record's header (RFC 8446 section
 * 5.1: ignored) and its outer type.  Any other flip must be found by one of the two, and then the
 * other, told by an alert or by silence, has nothing to read.
 */
static void flip_each(struct end *from, size_t step)
{
	struct end *to = from == client ? server : client;
	size_t number = 0, harmless = 0;
	for (bool more = true; more; number += step) {
		start();
		more = shake_with_flip(from, number, (uint8_t)(1 << number % 8));
		if (client->result == TLS_DONE && server->result == TLS_DONE)
			harmless += more;
		else if (more)
			cr_assert(from->result == TLS_FAILED || to->result == TLS_FAILED ||
			          to->result == TLS_AGAIN, "byte %zu: %d %d", number,
			          from->result, to->result);
		if (to->result == TLS_FAILED)
			cr_assert(to->reason != REGISTRY_NONE && to->reason != REGISTRY_INTERNAL,
			          "byte %zu has no reason", number);
		stop();
	}
	cr_expect_geq(number, 300 * step / step, "it sent %zu bytes only", number);
	cr_expect_leq(harmless, 24, "%zu bytes can be changed unnoticed", harmless);
}

Test(tls_handshake, a_bit_flipped_by_the_way_from_client_to_server)
{
	flip_each(client, 1);
}

Test(tls_handshake, a_bit_flipped_by_the_way_from_server_to_client)
{
	flip_each(server, 1);
}

/* ---- what is no TLS ----------------------------------------------------------------------- */

static enum registry_reason reason_for(enum policy_side side, const void *bytes, size_t size)
{
	struct end *e = side == POLICY_ACCEPT ? server : client;
	start();
	end_step(e);
	end_arrive(e, bytes, size);
	end_step(e);
	enum registry_reason reason = e->result == TLS_FAILED ? e->reason : REGISTRY_NONE;
	stop();
	return reason;
}

Test(tls_handshake, what_is_no_tls_is_called_so)
{
	static const char *const said[] = {
		"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"220 mail.test ESMTP ready\r\n",
		"\x04\x03\x02\x01\x00\x00\x00\x00",
		"\xff\xff\xff\xff\xff\xff\xff\xff",
	};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		size_t size = strlen(said[i]) < 8 ? 8 : strlen(said[i]);
		enum registry_reason reason = reason_for(POLICY_ACCEPT, said[i], size);
		cr_expect_eq(reason, REGISTRY_NOT_TLS, "as client, words %zu: %d", i, reason);
		reason = reason_for(POLICY_CONNECT, said[i], size);
		cr_expect_eq(reason, REGISTRY_NOT_TLS, "as server, words %zu: %d", i, reason);
	}
}

Test(tls_handshake, garbage_never_ends_well)
{
	uint8_t bytes[2000];
	for (int i = 0; i < 300; i++) {
		for (size_t k = 0; k < sizeof bytes; k++)
			bytes[k] = (uint8_t)rand_r(&seed);
		if (i % 2)
			memcpy(bytes, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
		if (i % 4 == 3)
			memcpy(bytes, "\x15\x03\x03\x00\x02\x02\x28", 7);
		start();
		end_step(i % 3 ? server : client);
		end_arrive(i % 3 ? server : client, bytes, sizeof bytes);
		cr_assert_eq(end_step(i % 3 ? server : client), TLS_FAILED, "round %d", i);
		stop();
	}
}
