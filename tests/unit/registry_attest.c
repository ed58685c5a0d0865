/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's count of a connection's bytes and ours: equal, or something went past us. */
#include "tests/unit/registry_help.h"

#include "tools/attest.c" /* the tool's parts are in no library */

#include <errno.h>

TestSuite(registry_attest, .init = make_folder, .fini = remove_folder, .timeout = 60);

static int near_end, far_end; /* of one loopback connection */
static struct registry_slot *slot;

static void start(int family)
{
	struct sockaddr_storage local, remote;
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t length = sizeof local;
	int listener = socket(family, SOCK_STREAM, 0);
	near_end = socket(family, SOCK_STREAM, 0);
	int bound = family == AF_INET ? bind(listener, (void *)&any, sizeof any)
	                              : bind(listener, (void *)&any6, sizeof any6);
	if (listener < 0 || bound)
		cr_skip_test("this machine has no loopback of that family");
	cr_assert(!listen(listener, 1));
	cr_assert(!getsockname(listener, (void *)&remote, &length));
	cr_assert(!connect(near_end, (void *)&remote, length));
	far_end = accept(listener, NULL, NULL);
	close(listener);
	cr_assert(!getsockname(near_end, (void *)&local, &length));
	uint64_t cookie;
	socklen_t size = sizeof cookie;
	cr_assert(!getsockopt(near_end, SOL_SOCKET, SO_COOKIE, &cookie, &size));
	start_registry(folder);
	slot = registry_add(&(struct registry_birth){
		.verdict = REGISTRY_TLS,
		.reason = REGISTRY_RULE,
		.local = (const void *)&local,
		.remote = (const void *)&remote,
		.cookie = cookie,
		.rule = "r",
		.mode = "strict",
		.fd = near_end,
	});
}

static void write_near(size_t size, size_t counted)
{
	char bytes[4096] = {0};
	cr_assert_eq(write(near_end, bytes, size), (ssize_t)size);
	registry_count(slot, 0, 0, 0, counted);
}

static void read_near(size_t size, size_t counted)
{
	char bytes[4096];
	cr_assert_eq(recv(near_end, bytes, size, MSG_WAITALL), (ssize_t)size);
	registry_count(slot, 0, 0, counted, 0);
}

static struct attestation ask_kernel(void)
{
	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 1);
	struct attestation answer = attest(&view->entries[0]);
	registry_view_free(view);
	return answer;
}

static void assert_yes(void)
{
	struct attestation answer = ask_kernel();
	cr_assert_eq(answer.answer, ATTEST_YES, "%d (%s) %ld %ld", (int)answer.answer, answer.why,
	             (long)answer.in, (long)answer.out);
}

static void assert_no(int64_t in, int64_t out)
{
	struct attestation answer = ask_kernel();
	cr_assert_eq(answer.answer, ATTEST_NO, "%d (%s)", (int)answer.answer, answer.why);
	cr_assert_eq(answer.in, in, "%ld", (long)answer.in);
	cr_assert_eq(answer.out, out, "%ld", (long)answer.out);
}

Test(registry_attest, every_byte_counted_is_attested)
{
	start(AF_INET);
	assert_yes();
	write_near(1000, 1000);
	assert_yes();
	cr_assert_eq(write(far_end, folder, 40), 40); /* not taken out of the kernel yet */
	assert_yes();
	read_near(15, 15);
	assert_yes();
	read_near(25, 25);
	assert_yes();
}

Test(registry_attest, over_ipv6_too)
{
	start(AF_INET6);
	write_near(1000, 1000);
	assert_yes();
	write_near(1, 0);
	assert_no(0, 1);
}

Test(registry_attest, a_write_past_us_is_found)
{
	start(AF_INET);
	write_near(1000, 1000);
	write_near(7, 0);
	assert_no(0, 7);
	write_near(0, 10);
	assert_no(0, -3);
}

Test(registry_attest, a_read_past_us_is_found)
{
	start(AF_INET);
	cr_assert_eq(write(far_end, folder, 40), 40);
	read_near(30, 30);
	read_near(5, 0);
	assert_no(5, 0);
}

Test(registry_attest, the_end_is_no_byte)
{
	char byte;
	start(AF_INET);
	cr_assert_eq(write(far_end, folder, 4), 4);
	shutdown(far_end, SHUT_WR);
	read_near(4, 4);
	assert_yes(); /* a FIN nobody has read */
	cr_assert_eq(read(near_end, &byte, 1), 0);
	assert_yes(); /* and one that was */
	write_near(10, 10);
	assert_yes();
}

Test(registry_attest, our_own_end_is_no_byte)
{
	start(AF_INET);
	write_near(10, 10);
	shutdown(near_end, SHUT_WR);
	assert_yes();
	cr_assert_eq(write(far_end, folder, 4), 4);
	read_near(4, 4);
	assert_yes();
}

Test(registry_attest, what_the_kernel_has_not_sent_yet_counts)
{
	int size = 4096;
	start(AF_INET);
	cr_assert(!setsockopt(near_end, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
	char bytes[4096] = {0};
	for (ssize_t sent; (sent = send(near_end, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;)
		registry_count(slot, 0, 0, 0, (uint64_t)sent);
	assert_yes();
}

Test(registry_attest, an_unknown_connection_is_unknown)
{
	start(AF_INET);
	close(near_end);
	close(far_end);
	struct attestation answer = ask_kernel();
	cr_assert_eq(answer.answer, ATTEST_UNKNOWN);
	cr_assert(*answer.why);
	registry_close(slot);
	answer = ask_kernel();
	cr_assert_eq(answer.answer, ATTEST_UNKNOWN);
	cr_assert_str_eq(answer.why, "closed");
}
