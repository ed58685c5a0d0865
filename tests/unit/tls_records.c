/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of an open connection: all sizes arrive, and no changed one does. */
#include "tests/unit/tls_help.h"

static struct end *client, *server;
static uint8_t sent[TLS_PLAIN * 4], plain[TLS_PLAIN];
static size_t got;

static void connect_again(void)
{
	end_start(client);
	end_start(server);
	cr_assert(end_shake(client, server));
}

static void make(void)
{
	client = end_new(POLICY_CONNECT, "client");
	server = end_new(POLICY_ACCEPT, "server");
	connect_again();
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
}

TestSuite(tls_records, .init = make, .timeout = 120);

static void arrives(struct end *from, struct end *to, const uint8_t *bytes, size_t size)
{
	end_seal(from, bytes, size);
	end_carry(from, to);
	for (size_t at = 0; at < size; at += got) {
		cr_assert_eq(end_open(to, plain, &got), TLS_DONE, "%zu: %d", size, to->reason);
		cr_assert(got && got <= size - at, "%zu bytes: a record of %zu", size, got);
		cr_assert_arr_eq(plain, bytes + at, got, "%zu bytes: changed on the way", size);
	}
	cr_assert_eq(end_open(to, plain, &got), TLS_AGAIN, "%zu bytes: more than was sent", size);
}

Test(tls_records, every_size_arrives)
{
	for (size_t size = 1; size <= TLS_PLAIN; size += size < 600 ? 1 : 61) {
		arrives(client, server, sent, size);
		arrives(server, client, sent + 1, size);
	}
	arrives(client, server, sent, TLS_PLAIN - 1);
	arrives(client, server, sent, TLS_PLAIN);
}

Test(tls_records, more_than_a_record_becomes_full_ones)
{
	static const size_t sizes[] = {
		TLS_PLAIN + 1, 2 * TLS_PLAIN, 3 * TLS_PLAIN + 5, 4 * TLS_PLAIN};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t records = (sizes[i] + TLS_PLAIN - 1) / TLS_PLAIN;
		end_seal(client, sent, sizes[i]);
		cr_expect_eq(client->out_end, sizes[i] + records * tls_overhead(client->tls));
		client->out_end = 0;
		connect_again();
		arrives(client, server, sent, sizes[i]);
	}
}

Test(tls_records, many_arrive_in_order)
{
	unsigned seed = 1;
	for (int i = 0; i < 20000; i++) {
		struct end *from = rand_r(&seed) % 2 ? client : server;
		arrives(from, from == client ? server : client, sent + rand_r(&seed) % 1000,
		        (size_t)rand_r(&seed) % 200 + 1);
	}
}

/* The bench may not be needed (short records) and may not be there at all (memory refused). */
Test(tls_records, works_in_the_region_alone)
{
	struct tls_io io;
	end_tls_io(client, &io);
	cr_assert(tls_seal(client->tls, &io, sent, TLS_PLAIN));
	client->out_end += io.out_used;
	end_carry(client, server);
	cr_assert_eq(end_open(server, plain, &got), TLS_DONE);
	cr_assert_eq(got, TLS_PLAIN);
}

/* ---- what was changed on the way ----------------------------------------------------------- */

static void refused(const char *what, size_t byte)
{
	enum tls_result result = end_open(server, plain, &got);
	cr_assert_eq(result, TLS_FAILED, "%s, byte %zu: accepted (%d)", what, byte, result);
	cr_assert_eq(got, 0, "%s, byte %zu: %zu bytes of plaintext", what, byte, got);
	cr_assert_eq(server->reason, REGISTRY_BAD_RECORD, "%s, byte %zu: reason %d", what, byte,
	             server->reason);
	cr_assert_gt(server->out_end, 0, "%s, byte %zu: no alert", what, byte);
	end_carry(server, client);
	cr_assert_eq(end_open(client, plain, &got), TLS_FAILED, "%s: the alert is no alert", what);
	cr_assert_eq(client->reason, REGISTRY_PEER_ALERT, "%s: told %d", what, client->reason);
	end_stop(client);
	end_stop(server);
	connect_again();
}

/* The whole record but its header's length, which says where the record ends. */
static void flip_each_byte(const char *what, void (*make_record)(void))
{
	make_record();
	for (size_t byte = 0; byte < client->out_end; byte++) {
		if (byte == 1 || byte == 2) /* RFC 8446 section 5.1: ignored... */
			continue;
		if (byte == 3 || byte == 4)
			continue;
		client->out[byte] ^= (uint8_t)(1 << byte % 8);
		end_carry(client, server);
		refused(what, byte);
		make_record();
	}
}

static void data(void)
{
	end_seal(client, "MARKER of the plaintext", 23);
}

static void goodbye(void)
{
	end_goodbye(client);
}

Test(tls_records, a_flipped_bit_in_data)
{
	flip_each_byte("data", data);
}

Test(tls_records, a_flipped_bit_in_the_goodbye)
{
	flip_each_byte("close_notify", goodbye);
}

static void key_update(void)
{
	struct tls_io io;
	end_tls_io(client, &io);
	wolfSSL_SetIOWriteCtx((WOLFSSL *)client->tls, &io);
	cr_assert_eq(wolfSSL_update_keys((WOLFSSL *)client->tls), WOLFSSL_SUCCESS);
	client->out_end += io.out_used;
}

Test(tls_records, a_flipped_bit_in_a_key_update)
{
	flip_each_byte("KeyUpdate", key_update);
}

/* RFC 8446 section 4.6.3: the answer goes out with the call, and data goes on with new keys. */
Test(tls_records, keys_may_change_at_any_time)
{
	for (int i = 0; i < 20; i++) {
		key_update();
		end_carry(client, server);
		cr_assert_eq(end_open(server, plain, &got), TLS_DONE);
		cr_assert_eq(got, 0, "a KeyUpdate is not data");
		arrives(client, server, sent, 1000);
		if (server->out_end) {
			end_carry(server, client);
			cr_assert_eq(end_open(client, plain, &got), TLS_DONE);
		}
		arrives(server, client, sent, 1000);
	}
}

Test(tls_records, a_long_record_with_a_flipped_bit)
{
	static const size_t bytes[] = {5, 6, 1000, 8192, 16000, TLS_PLAIN, TLS_PLAIN + 21};
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
		end_seal(client, sent, TLS_PLAIN);
		client->out[bytes[i]] ^= 0x10;
		end_carry(client, server);
		refused("16 KiB", bytes[i]);
	}
}

Test(tls_records, a_record_missing_repeated_or_from_elsewhere)
{
	uint8_t kept[200];
	end_seal(client, "one", 3);
	client->out_end = 0; /* lost */
	end_seal(client, "two", 3);
	end_carry(client, server);
	refused("a record after a lost one", 0);

	end_seal(client, "one", 3);
	size_t length = client->out_end;
	memcpy(kept, client->out, length);
	end_carry(client, server);
	cr_assert_eq(end_open(server, plain, &got), TLS_DONE);
	end_arrive(server, kept, length);
	refused("a record that came before", 0);

	static const uint8_t clear[] = {23, 3, 3, 0, 5, 'h', 'e', 'l', 'l', 'o'};
	end_arrive(server, clear, sizeof clear);
	refused("plaintext as data", 0);
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 1, 0};
	end_arrive(server, alert, sizeof alert);
	cr_assert_eq(end_open(server, plain, &got), TLS_FAILED, "a close_notify in clear ends it");

	connect_again();
	end_seal(server, "mirror", 6);
	end_carry(server, server);
	cr_assert_eq(end_open(server, plain, &got), TLS_FAILED, "it believed its own record");
	cr_assert_eq(got, 0);
}

/* ---- the end ------------------------------------------------------------------------------- */

Test(tls_records, a_goodbye_is_an_end)
{
	arrives(client, server, sent, 100);
	end_seal(client, sent, 50);
	end_goodbye(client);
	end_carry(client, server);
	cr_assert_eq(end_open(server, plain, &got), TLS_DONE);
	cr_assert_eq(got, 50, "data before the goodbye is lost");
	cr_assert_eq(end_open(server, plain, &got), TLS_CLOSED);
	cr_assert_eq(got, 0);
	arrives(server, client, sent, 100); /* the other way is still open */
	end_goodbye(server);
	end_carry(server, client);
	cr_assert_eq(end_open(client, plain, &got), TLS_CLOSED);
}

Test(tls_records, errno_is_kept)
{
	errno = 77;
	data();
	end_carry(client, server);
	end_open(server, plain, &got);
	end_goodbye(client);
	end_carry(client, server);
	end_open(server, plain, &got);
	end_stop(client);
	end_stop(server);
	connect_again();
	cr_assert_eq(errno, 77, "errno is %d", errno);
}
