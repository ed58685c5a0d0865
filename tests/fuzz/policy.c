/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes are a policy or a list of errors; what is a policy can be asked anything. */
#include "policy/policy.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* libconfig itself leaks a string or two for each syntax error; the unit tests look for ours. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct policy *p, const struct policy_flow *flow)
{
	static const struct policy_program program = {
		.exe = "/usr/bin/php8.2", .command = "php shop.php", .service = "shop", .uid = 33 };
	static const char *const dns[] = { "a.cache.internal", "*.example.org", "10.1.2.3" };
	static const char *const uri[] = { "spiffe://prod/cache/a", "https://example.org/a/b" };
	const struct policy_names names = {
		.dns = dns, .dns_count = 3, .uri = uri, .uri_count = 2, .cn = "shop-1" };
	char text[256];
	struct policy_verdict v = policy_decide(p, &program, flow);
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct policy_rule *rule = &p->rules[i];
		bool lost = policy_why_not(rule, &program, flow, text, sizeof(text));
		if (v.rule && i <= v.rule->index && lost == (i == v.rule->index))
			abort(); /* the winner is the first rule with nothing against it */
		if (rule->mode == POLICY_STRICT && !rule->identity)
			abort();
		policy_peer_accept(rule, flow->names[0], flow->address, &names, text, sizeof(text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int file = -1;
	char path[64];
	if (file < 0)
		file = memfd_create("policy", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (ftruncate(file, 0) < 0 || pwrite(file, data, size, 0) != (ssize_t)size)
		return 0;
	struct policy_findings findings = { 0 };
	struct policy *p = policy_load(path, -1, &findings);
	if (!p != (findings.errors > 0))
		abort();
	if (p) {
		static const char *const names[] = { "a.cache.internal" };
		struct policy_flow flow = { .address = { [10] = 0xff, [11] = 0xff, 10, 1, 2, 3 },
			                    .port = 6379, .names = names, .name_count = 1 };
		policy_review(p, &findings);
		ask(p, &flow);
		flow.side = POLICY_ACCEPT;
		ask(p, &flow);
	}
	policy_findings_clear(&findings);
	policy_free(p);
	return 0;
}
