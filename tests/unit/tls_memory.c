/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a connection costs, and that all of it comes back. */
#include "tests/unit/tls_help.h"

#include "shim/tls/memory.h"

#include <malloc.h>
#include <sys/mman.h>

static struct end *client, *server;

static void make(void)
{
	client = end_new(POLICY_CONNECT, "client");
	server = end_new(POLICY_ACCEPT, "server");
}

TestSuite(tls_memory, .init = make, .timeout = 120);

static void connect_once(void)
{
	end_start(client);
	end_start(server);
	cr_assert(end_shake(client, server), "%d %d", client->reason, server->reason);
}

static void stop(void)
{
	end_stop(client);
	end_stop(server);
}

/* First fit: a large block lies right behind all that is in use, while there is room for both. */
static uintptr_t heap_top(void)
{
	void *probe = XMALLOC(256 << 10, NULL, 0);
	cr_assert(probe);
	XFREE(probe, NULL, 0);
	return (uintptr_t)probe;
}

static bool region_is_empty(struct region *r)
{
	return region_alloc(r, ARENA_REGION / 4 * 3 - 64) != NULL;
}

/* It is made of pieces, which nobody need know. */
Test(tls_memory, the_heap_grows_and_what_is_free_is_used_again)
{
	enum { BLOCKS = 100, SIZE = 100000 };
	uint8_t *blocks[BLOCKS];
	uintptr_t top = heap_top();
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = XMALLOC(SIZE, NULL, 0);
		cr_assert(blocks[i]);
		memset(blocks[i], i, SIZE);
	}
	blocks[0] = XREALLOC(blocks[0], 5 << 20, NULL, 0);
	cr_assert(blocks[0]);
	for (int i = 0; i < BLOCKS; i++) {
		for (int k = 0; k < SIZE; k++)
			cr_assert_eq(blocks[i][k], i, "block %d at %d", i, k);
		XFREE(blocks[i], NULL, 0);
	}
	cr_expect_eq(heap_top(), top);
	void *large = XMALLOC(100 << 20, NULL, 0);
	cr_expect(large);
	cr_expect_null(XMALLOC(200 << 20, NULL, 0));
	XFREE(large, NULL, 0);
}

/* Wiping a region hides what was not freed in it; other memory has nobody who wipes it. */
Test(tls_memory, a_thousand_connections_leave_nothing)
{
	static const char hello[] = "hello";
	uint8_t plain[TLS_PLAIN];
	size_t got;
	connect_once(); /* what wolfSSL makes once */
	stop();
	uintptr_t top = heap_top();
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < 1000; i++) {
		connect_once();
		end_seal(client, hello, sizeof hello);
		end_carry(client, server);
		cr_assert_eq(end_open(server, plain, &got), TLS_DONE);
		if (i % 3)
			end_goodbye(client);
		tls_free(client->tls, client->region);
		tls_free(server->tls, server->region);
		client->tls = server->tls = NULL;
		cr_assert(region_is_empty(client->region), "round %d: the client's region", i);
		cr_assert(region_is_empty(server->region), "round %d: the server's region", i);
		stop();
	}
	cr_expect_eq(heap_top(), top, "the heap grew by %zd bytes", (ssize_t)(heap_top() - top));
	cr_expect_eq(mallinfo2().uordblks, before, "the program's heap was used: %zd bytes",
	             (ssize_t)(mallinfo2().uordblks - before));
}

Test(tls_memory, a_thousand_failures_leave_nothing)
{
	uintptr_t top = 0;
	for (int i = 0; i < 1001; i++) {
		end_start(client);
		end_start(server);
		end_step(client);
		client->out[(size_t)(100 + i)] ^= 1;
		end_carry(client, server);
		end_step(server);
		end_carry(server, client);
		end_step(client);
		tls_free(server->tls, server->region);
		tls_free(client->tls, client->region);
		client->tls = server->tls = NULL;
		cr_assert(region_is_empty(client->region), "round %d: the client's region", i);
		cr_assert(region_is_empty(server->region), "round %d: the server's region", i);
		stop();
		if (i == 0)
			top = heap_top();
	}
	cr_expect_eq(heap_top(), top, "the heap grew by %zd bytes", (ssize_t)(heap_top() - top));
}

Test(tls_memory, contexts_are_freed)
{
	uintptr_t top = 0;
	for (int i = 0; i < 50; i++) {
		connect_once();
		stop();
		tls_context_free(client->context);
		tls_context_free(server->context);
		client->context = server->context = NULL;
		if (i == 0)
			top = heap_top();
	}
	cr_expect_eq(heap_top(), top, "the heap grew by %zd bytes", (ssize_t)(heap_top() - top));
}

Test(tls_memory, contexts_are_freed_where_others_go_on)
{
	uintptr_t top = 0;
	for (int i = 0; i < 50; i++) {
		connect_once();
		tls_leave(client->tls);
		tls_leave(server->tls);
		client->abandoned = server->abandoned = true;
		stop();
		tls_context_free(client->context);
		tls_context_free(server->context);
		client->context = server->context = NULL;
		if (i == 0)
			top = heap_top();
	}
	cr_expect_eq(heap_top(), top, "the heap grew by %zd bytes", (ssize_t)(heap_top() - top));
}

static size_t resident_pages(const void *p)
{
	unsigned char pages[ARENA_REGION / 4 * 3 / 4096];
	uintptr_t from = (uintptr_t)p & ~(uintptr_t)4095;
	size_t count = 0;
	cr_assert_eq(mincore((void *)from, sizeof pages * 4096, pages), 0);
	for (size_t i = 0; i < sizeof pages; i++)
		count += pages[i] & 1;
	return count;
}

/* Regions of several colours: they begin at different places of a page. */
Test(tls_memory, an_idle_connection_keeps_three_pages)
{
	static const char hello[] = "hello";
	uint8_t plain[TLS_PLAIN];
	size_t got;
	for (int i = 0; i < 16; i++) {
		make(); /* the ones before stay */
		connect_once();
		end_seal(client, hello, sizeof hello);
		end_carry(client, server);
		cr_assert_eq(end_open(server, plain, &got), TLS_DONE);
		region_trim(client->region);
		region_trim(server->region);
		cr_expect_leq(resident_pages(client->region), 3, "a client keeps %zu pages",
		              resident_pages(client->region));
		cr_expect_leq(resident_pages(server->region), 3, "a server keeps %zu pages",
		              resident_pages(server->region));
	}
}

/* Ends both; whoever still points into their regions finds nonsense. */
static void stop_and_spoil(void)
{
	uint32_t slots[2];
	stop();
	for (int i = 0; i < 2; i++) {
		cr_assert(arena_slot_take(&slots[i]));
		memset((uint8_t *)arena_region_take(slots[i]) + 16, 0xee, 200000);
	}
	for (int i = 0; i < 2; i++) {
		arena_region_take(slots[i]);
		arena_region_give(slots[i]);
		arena_slot_give(slots[i]);
	}
}

/*
 * wolfSSL adds a verified intermediate CA to the context in the middle of a session's handshake;
 * it must not lie in that session's region, which is gone when the next one looks at it.
 */
Test(tls_memory, an_intermediate_outlives_the_session_that_brought_it)
{
	for (int side = 0; side < 2; side++) {
		client = end_new(POLICY_CONNECT, side ? "leaf" : "client");
		server = end_new(POLICY_ACCEPT, side ? "server" : "leaf");
		client->peer.expected = side ? "server.test" : "leaf.test";
		for (int i = 0; i < 20; i++) {
			connect_once();
			struct end *judge = side ? server : client;
			cr_assert_str_eq(judge->peer.names, "dns:leaf.test");
			stop_and_spoil();
		}
		end_free(client);
		end_free(server);
	}
}

/* The same of what a server makes once, when the first TLS 1.2 client asks for a ticket. */
Test(tls_memory, a_ticket_outlives_nothing)
{
	client = end_foreign(POLICY_CONNECT, "client", wolfTLSv1_2_client_method());
	cr_assert_eq(wolfSSL_CTX_UseSessionTicket(client->foreign), WOLFSSL_SUCCESS);
	server = end_new(POLICY_ACCEPT, "server");
	server->rule.profile = POLICY_INTERMEDIATE;
	for (int i = 0; i < 20; i++) {
		connect_once();
		stop_and_spoil();
	}
	end_free(server);
}

Test(tls_memory, a_region_that_is_full_refuses)
{
	size_t failed = 0;
	for (size_t room = 1000; room < 60000; room += 1000) {
		end_start(client);
		end_start(server);
		size_t most = ARENA_REGION / 4 * 3;
		void *ballast = NULL;
		while (!ballast && most > room)
			ballast = region_alloc(server->region, (most -= 64) - room);
		end_shake(client, server);
		failed += server->result == TLS_FAILED;
		cr_expect(server->result != TLS_DONE || client->result == TLS_DONE);
		stop();
	}
	cr_expect_gt(failed, 2, "memory never ran out");
}
