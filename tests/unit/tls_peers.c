/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who the other end may be, and what is agreed with it. */
#include "tests/unit/tls_help.h"

static struct end *client, *server;

static void make(const char *client_name, const char *server_name)
{
	client = end_new(POLICY_CONNECT, client_name);
	server = end_new(POLICY_ACCEPT, server_name);
}

static bool shake(void)
{
	end_start(client);
	end_start(server);
	return end_shake(client, server);
}

TestSuite(tls_peers, .timeout = 60);

/* `e` refused with this reason, told the other, and nobody can send data to anybody. */
static void refused(struct end *e, enum registry_reason reason)
{
	struct end *other = e == client ? server : client;
	uint8_t plain[TLS_PLAIN];
	size_t got;
	cr_assert_eq(e->result, TLS_FAILED, "%s: accepted", e->rule.name);
	cr_expect_eq(e->reason, reason, "%s: reason %d, not %d", e->rule.name, e->reason, reason);
	cr_expect_not(e->peer.verified);
	if (other->result == TLS_DONE) { /* TLS 1.3: a client is done before it is judged */
		cr_expect_eq(end_open(other, plain, &got), TLS_FAILED, "the alert did not arrive");
		cr_expect_eq(got, 0);
	} else {
		cr_expect_eq(other->result, TLS_FAILED, "the alert did not arrive");
	}
	if (!other->foreign)
		cr_expect(other->reason == REGISTRY_PEER_ALERT ||
		          other->reason == REGISTRY_NO_COMMON_PARAMETERS, "%d", other->reason);
}

Test(tls_peers, both_know_each_other)
{
	make("client", "server");
	cr_assert(shake());
	cr_expect(client->peer.verified && server->peer.verified);
	cr_expect_str_eq(client->peer.names, "dns:server.test,uri:spiffe://test/server");
	cr_expect_str_eq(server->peer.names, "uri:spiffe://test/shop/client,dns:client.test");
	cr_expect_gt(client->peer.expires, 1700000000);
	cr_expect_gt(server->peer.expires, 1700000000);
}

Test(tls_peers, another_ca_is_refused_by_the_client)
{
	make("client", "impostor");
	cr_expect_not(shake());
	refused(client, REGISTRY_PEER_UNTRUSTED);
}

Test(tls_peers, another_ca_is_refused_by_the_server)
{
	make("impostor", "server");
	cr_expect_not(shake());
	refused(server, REGISTRY_PEER_UNTRUSTED);
}

Test(tls_peers, another_name_is_refused)
{
	static const char *const wrong[] = {
		"other.test", "test", "a.server.test", "server.test.evil", "server", "127.0.0.2"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		make("client", "server");
		client->peer.expected = wrong[i];
		cr_expect_not(shake(), "%s was accepted", wrong[i]);
		refused(client, REGISTRY_PEER_NAME_MISMATCH);
	}
	make("client", "nameless");
	cr_expect_not(shake(), "a certificate without names was accepted");
	refused(client, REGISTRY_PEER_NAME_MISMATCH);
}

Test(tls_peers, the_right_name_in_another_case_is_right)
{
	make("client", "server");
	client->peer.expected = "Server.TEST";
	cr_expect(shake());
}

Test(tls_peers, without_a_name_the_address_must_be_right)
{
	make("client", "server");
	client->peer.expected = NULL;
	cr_expect(shake());
	end_stop(client);
	end_stop(server);
	end_start(client);
	end_start(server);
	client->peer.address[15] = 2;
	cr_expect_not(end_shake(client, server), "127.0.0.2 is not in the certificate");
	refused(client, REGISTRY_PEER_NAME_MISMATCH);
}

static void foreign_server(const char *name)
{
	client = end_new(POLICY_CONNECT, "client");
	server = end_foreign(POLICY_ACCEPT, name, wolfTLSv1_3_server_method());
}

static void foreign_client(const char *name)
{
	client = end_foreign(POLICY_CONNECT, name, wolfTLSv1_3_client_method());
	server = end_new(POLICY_ACCEPT, "server");
}

Test(tls_peers, a_weak_certificate_is_refused)
{
	foreign_server("short");
	cr_expect_not(shake(), "RSA of 1024 bits");
	refused(client, REGISTRY_PEER_BAD_CERTIFICATE);
	foreign_server("forgeable");
	cr_expect_not(shake(), "a signature over SHA-1");
	refused(client, REGISTRY_PEER_BAD_CERTIFICATE);
	foreign_client("short");
	cr_expect_not(shake(), "RSA of 1024 bits");
	refused(server, REGISTRY_PEER_BAD_CERTIFICATE);
	foreign_client("forgeable");
	cr_expect_not(shake(), "a signature over SHA-1");
	refused(server, REGISTRY_PEER_BAD_CERTIFICATE);
}

Test(tls_peers, a_certificate_out_of_its_time_is_refused)
{
	foreign_server("expired");
	cr_expect_not(shake());
	refused(client, REGISTRY_PEER_EXPIRED);
	foreign_server("future");
	cr_expect_not(shake());
	refused(client, REGISTRY_PEER_NOT_YET_VALID);
	foreign_client("expired");
	cr_expect_not(shake());
	refused(server, REGISTRY_PEER_EXPIRED);
	foreign_client("future");
	cr_expect_not(shake());
	refused(server, REGISTRY_PEER_NOT_YET_VALID);
}

Test(tls_peers, rsa_will_do)
{
	make("client", "rsa");
	cr_expect(shake());
}

static const struct policy_peer shop = {
	.kind = POLICY_NAME_URI,
	.text = "uri:spiffe://test/shop/*",
	.pattern = "spiffe://test/shop/*",
};

Test(tls_peers, a_client_without_a_certificate)
{
	static const struct {
		enum policy_clients clients;
		bool patterns, accepted;
	} cases[] = {
		{POLICY_CLIENTS_REQUIRED, false, false}, {POLICY_CLIENTS_REQUIRED, true, false},
		{POLICY_CLIENTS_OPTIONAL, false, true},  {POLICY_CLIENTS_OPTIONAL, true, false},
		{POLICY_CLIENTS_NONE, false, true},      {POLICY_CLIENTS_NONE, true, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		foreign_client(NULL);
		server->rule.clients = cases[i].clients;
		server->rule.peers = &shop;
		server->rule.peer_count = cases[i].patterns;
		cr_expect_eq(shake(), cases[i].accepted, "case %zu", i);
		cr_expect_not(server->peer.verified);
		cr_expect_str_eq(server->peer.names, "");
		if (!cases[i].accepted)
			refused(server, REGISTRY_NO_CLIENT_CERTIFICATE);
	}
}

Test(tls_peers, a_bad_certificate_is_refused_where_none_is_needed)
{
	foreign_client("impostor");
	server->rule.clients = POLICY_CLIENTS_OPTIONAL;
	cr_expect_not(shake());
	refused(server, REGISTRY_PEER_UNTRUSTED);
	foreign_client("expired");
	server->rule.clients = POLICY_CLIENTS_OPTIONAL;
	cr_expect_not(shake());
	refused(server, REGISTRY_PEER_EXPIRED);
	make("client", "server");
	server->rule.clients = POLICY_CLIENTS_OPTIONAL;
	cr_expect(shake());
	cr_expect(server->peer.verified, "a good one is looked at all the same");
	make("impostor", "server");
	server->rule.clients = POLICY_CLIENTS_NONE;
	cr_expect(shake(), "none is asked for, so none is shown");
	cr_expect_not(server->peer.verified);
	cr_expect_str_eq(server->peer.names, "");
}

Test(tls_peers, patterns_choose)
{
	static const struct policy_peer other = {
		.kind = POLICY_NAME_URI,
		.text = "uri:spiffe://test/*",
		.pattern = "spiffe://test/*",
	};
	struct policy_peer either[] = {other, shop};
	make("client", "server");
	server->rule.peers = &shop;
	server->rule.peer_count = 1;
	cr_expect(shake());
	cr_expect_str_eq(server->peer.names, "uri:spiffe://test/shop/client,dns:client.test",
	                 "the one that matched comes first");
	make("client", "server");
	server->rule.peers = &other;
	server->rule.peer_count = 1;
	cr_expect_not(shake(), "* is one segment");
	refused(server, REGISTRY_PEER_NAME_MISMATCH);
	make("client", "server");
	server->rule.peers = either;
	server->rule.peer_count = 2;
	cr_expect(shake(), "any one suffices");
	make("client", "server");
	client->rule.peers = &other;
	client->rule.peer_count = 1;
	client->peer.expected = "elsewhere.test";
	cr_expect(shake(), "patterns stand instead of the name");
}

Test(tls_peers, danger_is_as_wide_as_it_says)
{
	make("client", "impostor");
	client->rule.unsafe_skip_verification = true;
	cr_expect(shake());
	cr_expect_not(client->peer.verified, "what was not verified is said to be");
	make("impostor", "server");
	server->rule.unsafe_skip_verification = true;
	cr_expect(shake());
	cr_expect_not(server->peer.verified);
	foreign_client(NULL);
	server->rule.unsafe_skip_verification = true;
	cr_expect_not(shake(), "skipping the verification is not doing without a certificate");
}

/* ---- what is agreed ------------------------------------------------------------------------ */

Test(tls_peers, profiles_agree_on)
{
	static const struct {
		enum policy_profile client, server;
		const char *group;
	} cases[] = {
		{POLICY_MODERN, POLICY_MODERN, "X25519MLKEM768"},
		{POLICY_INTERMEDIATE, POLICY_MODERN, "X25519MLKEM768"},
		{POLICY_MODERN, POLICY_INTERMEDIATE, "X25519MLKEM768"},
		{POLICY_INTERMEDIATE, POLICY_INTERMEDIATE, "X25519MLKEM768"},
		{POLICY_NIST, POLICY_NIST, "SECP256R1"},
		{POLICY_NIST, POLICY_MODERN, "SECP256R1"},
		{POLICY_MODERN, POLICY_NIST, "SECP256R1"},
		{POLICY_INTERMEDIATE, POLICY_NIST, "SECP256R1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make("client", "server");
		client->rule.profile = cases[i].client;
		server->rule.profile = cases[i].server;
		cr_assert(shake(), "case %zu", i);
		struct end *ends[] = {client, server};
		for (int k = 0; k < 2; k++) {
			struct tls_facts facts = tls_describe(ends[k]->tls);
			cr_expect_str_eq(facts.version, "TLSv1.3", "%zu: %s", i, facts.version);
			cr_expect_str_eq(facts.cipher, "TLS_AES_128_GCM_SHA256", "%zu: %s", i,
			                 facts.cipher);
			cr_expect_str_eq(facts.group, cases[i].group, "case %zu: %s", i,
			                 facts.group);
			cr_expect_not(facts.resumed);
			cr_expect_eq(tls_overhead(ends[k]->tls), 22);
		}
	}
}

/* What a record really costs is what tls_overhead() says, whatever was agreed. */
static void overhead_is(size_t expected)
{
	struct end *ends[] = {client, server};
	for (int k = 0; k < 2; k++) {
		static const size_t sizes[] = {1, 100, TLS_PLAIN};
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			static uint8_t bytes[TLS_PLAIN], plain[TLS_PLAIN];
			size_t got;
			ends[k]->out_end = 0;
			end_seal(ends[k], bytes, sizes[i]);
			cr_expect_eq(ends[k]->out_end, sizes[i] + expected, "%s: %zu take %zu",
			             ends[k]->rule.name, sizes[i], ends[k]->out_end);
			end_carry(ends[k], ends[!k]);
			cr_assert_eq(end_open(ends[!k], plain, &got), TLS_DONE);
			cr_expect_eq(got, sizes[i]);
		}
	}
}

static void tls12(const char *ciphers, enum policy_profile profile)
{
	client = end_foreign(POLICY_CONNECT, "client", wolfTLSv1_2_client_method());
	cr_assert_eq(wolfSSL_CTX_set_cipher_list(client->foreign, ciphers), WOLFSSL_SUCCESS, "%s",
	             ciphers);
	server = end_new(POLICY_ACCEPT, "server");
	server->rule.profile = profile;
}

Test(tls_peers, tls_1_2_is_for_intermediate)
{
	static const struct {
		const char *offered, *agreed;
		size_t overhead;
	} cases[] = {
		{"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 29},
		{"ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 29},
		{"ECDHE-ECDSA-CHACHA20-POLY1305",
		 "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 21},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tls12(cases[i].offered, POLICY_INTERMEDIATE);
		cr_assert(shake(), "%s: %d", cases[i].offered, server->reason);
		struct tls_facts facts = tls_describe(server->tls);
		cr_expect_str_eq(facts.version, "TLSv1.2");
		cr_expect_str_eq(facts.cipher, cases[i].agreed, "%s", facts.cipher);
		cr_expect_eq(tls_overhead(server->tls), cases[i].overhead);
		overhead_is(cases[i].overhead);
		cr_expect(server->peer.verified);
	}
}

Test(tls_peers, tls_1_2_is_not_for_modern)
{
	tls12("ECDHE-ECDSA-AES128-GCM-SHA256", POLICY_MODERN);
	cr_expect_not(shake());
	refused(server, REGISTRY_NO_COMMON_PARAMETERS);
}

/* RFC 8446 section 6.2: what a server of another age, or another taste, answers. */
Test(tls_peers, an_alert_says_why)
{
	static const struct {
		uint8_t code;
		enum registry_reason reason;
	} cases[] = {{40, REGISTRY_NO_COMMON_PARAMETERS}, {70, REGISTRY_NO_COMMON_PARAMETERS},
	             {80, REGISTRY_PEER_ALERT}, {42, REGISTRY_PEER_ALERT}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t alert[] = {21, 3, 3, 0, 2, 2, cases[i].code};
		client = end_new(POLICY_CONNECT, "client");
		end_start(client);
		end_step(client);
		end_arrive(client, alert, sizeof alert);
		cr_expect_eq(end_step(client), TLS_FAILED);
		cr_expect_eq(client->reason, cases[i].reason, "alert %d: %d", cases[i].code,
		             client->reason);
	}
}

Test(tls_peers, nothing_but_aead_and_ephemeral_keys)
{
	static const char *const weak[] = {
		"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256",
		"AES128-SHA", "ECDHE-RSA-AES256-SHA384", "AES256-SHA256"};
	for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
		client = end_foreign(POLICY_CONNECT, "client", wolfTLSv1_2_client_method());
		server = end_new(POLICY_ACCEPT, "rsa");
		server->rule.profile = POLICY_INTERMEDIATE;
		if (wolfSSL_CTX_set_cipher_list(client->foreign, weak[i]) != WOLFSSL_SUCCESS)
			continue; /* not even in the library */
		cr_expect_not(shake(), "%s was accepted", weak[i]);
		refused(server, REGISTRY_NO_COMMON_PARAMETERS);
	}
}

Test(tls_peers, the_name_is_sent_and_addresses_are_not)
{
	static const struct {
		const char *name;
		bool sent;
	} cases[] = {{"server.test", true}, {"127.0.0.1", false}, {"::1", false}};
	for (size_t i = 0; i < 3; i++) {
		make("client", "server");
		client->peer.expected = cases[i].name;
		end_start(client);
		end_step(client);
		cr_expect_eq(memmem(client->out, client->out_end, cases[i].name,
		                    strlen(cases[i].name)) != NULL, cases[i].sent, "%s",
		             cases[i].name);
	}
}
