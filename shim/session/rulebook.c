/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy in force in this process, with a TLS context for each rule that may need one. */
#include "shim/session/rulebook.h"

#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/root.h"
#include "shim/base/table.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static struct rulebook_settings settings;
static struct rulebook *current;   /* under the lock */
static struct policy_watch *watch; /* under the lock */
static bool inherits = true;       /* see rulebook_inherits() */
static bool concerns = true;       /* see rulebook_concerns() */
static int64_t looked_at;          /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void rulebook_lock(void)
{
	guard_enter();
	pthread_mutex_lock(&lock);
}

void rulebook_unlock(void)
{
	pthread_mutex_unlock(&lock);
	guard_leave();
}

/* The host's heap is not ours to use in the middle of its calls; a rulebook is a page or two. */
static struct rulebook *allocate(size_t rules)
{
	size_t size = sizeof(struct rulebook) + rules * sizeof(struct tls_context *);
	struct rulebook *r = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                          -1, 0);
	if (r == MAP_FAILED)
		return NULL;
	r->contexts = (struct tls_context **)(r + 1);
	r->holders = 1;
	return r;
}

static void discard(struct rulebook *r, struct policy *policy)
{
	size_t rules = policy ? policy->rule_count : 0;
	for (size_t i = 0; r && i < rules; i++)
		tls_context_free(r->contexts[i]);
	policy_free(policy);
	if (r)
		munmap(r, sizeof *r + rules * sizeof(struct tls_context *));
}

static bool may_need_context(const struct policy_rule *rule)
{
	return (rule->mode == POLICY_STRICT || rule->mode == POLICY_PERMISSIVE) &&
	       policy_rule_concerns(rule, &settings.program);
}

/* One bad identity is reported once, however many rules name it. */
static bool failed_before(const struct rulebook *r, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!r->contexts[i] && may_need_context(&r->policy->rules[i]) &&
		    r->policy->rules[i].identity == r->policy->rules[index].identity)
			return true;
	return false;
}

/* Takes the policy over. */
static struct rulebook *equip(struct policy *policy, struct policy_watch *w,
                              struct policy_findings *findings)
{
	struct rulebook *r = allocate(policy->rule_count);
	if (!r) {
		policy_free(policy);
		return NULL;
	}
	r->policy = policy;
	bool fine = true;
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (!may_need_context(&policy->rules[i]) || failed_before(r, i))
			continue;
		r->contexts[i] = tls_context_new(&policy->rules[i], w, findings);
		fine &= r->contexts[i] != NULL;
	}
	if (fine)
		return r;
	discard(r, policy);
	return NULL;
}

static void report(const struct policy_findings *findings, const char *consequence)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct policy_finding *f = &findings->list[i];
		if (f->severity == POLICY_ERROR)
			log_say(LOG_LEVEL_ERROR, "%s:%d: %s; %s", f->file, f->line, f->text,
			        consequence);
		else
			log_say(LOG_LEVEL_WARN, "%s:%d: %s", f->file, f->line, f->text);
	}
	if (findings->errors && !findings->count)
		log_say(LOG_LEVEL_ERROR, "%s cannot be used; %s", settings.path, consequence);
}

/* The watch closes its own descriptors through our doors, which must not take them for ours. */
static void swap_watch(struct policy_watch *fresh)
{
	if (!fresh)
		return;
	for (int fd = 0; watch && fd < table_end(); fd++)
		if (table_get(fd) == TABLE_OWN && policy_watch_owns(watch, fd))
			table_change(fd, TABLE_OWN, 0);
	policy_watch_free(watch);
	watch = fresh;
}

/* What is asked without the lock. */
static void note(const struct policy *p)
{
	bool asked = false, sleeved = p->unmatched == POLICY_DENY;
	for (size_t i = 0; i < p->rule_count; i++) {
		bool ours = policy_rule_concerns(&p->rules[i], &settings.program);
		asked |= ours && p->rules[i].inherit;
		sleeved |= ours && p->rules[i].mode != POLICY_PLAINTEXT;
	}
	__atomic_store_n(&inherits, asked, __ATOMIC_RELAXED);
	__atomic_store_n(&concerns, sleeved, __ATOMIC_RELAXED);
}

static struct policy_watch *watch_over(const struct policy *p)
{
	const char *path = settings.path;
	int root = root_of(&path);
	return policy_watch_new(settings.path, p, root, settings.lowest_fd);
}

/*
 * While the policy is broken the policy alone is watched; an identity file that was broken is
 * watched as long as the policy names it.
 */
static void renew(const char *consequence)
{
	struct policy_findings findings = {0};
	swap_watch(watch_over(NULL));
	int folder = watch ? policy_watch_directory(watch) : -1;
	struct policy *policy = policy_load(settings.path, folder, &findings);
	struct rulebook *r = NULL;
	if (policy) {
		swap_watch(watch_over(policy));
		r = watch ? equip(policy, watch, &findings) : NULL;
	}
	report(&findings, consequence);
	policy_findings_clear(&findings);
	if (!r)
		return;
	note(policy);
	struct rulebook *old = current;
	current = r;
	rulebook_put(old);
}

void rulebook_start(const struct rulebook_settings *given)
{
	settings = *given;
	settings.program.uid = geteuid();
	rulebook_lock();
	renew("every TCP connection of this program is refused until it is mended");
	looked_at = kernel_now();
	rulebook_unlock();
}

bool rulebook_inherits(void)
{
	return __atomic_load_n(&inherits, __ATOMIC_RELAXED);
}

bool rulebook_concerns(void)
{
	return __atomic_load_n(&concerns, __ATOMIC_RELAXED);
}

struct rulebook *rulebook_get(void)
{
	rulebook_lock();
	int64_t now = kernel_now();
	if (now - looked_at >= 1000000000) {
		looked_at = now;
		if (!watch || policy_watch_changed(watch))
			renew(current ? "the policy before this change stays in force"
			              : "every TCP connection of this program is refused");
	}
	struct rulebook *r = current;
	if (r)
		__atomic_fetch_add(&r->holders, 1, __ATOMIC_RELAXED);
	rulebook_unlock();
	return r;
}

void rulebook_put(struct rulebook *r)
{
	if (r && __atomic_sub_fetch(&r->holders, 1, __ATOMIC_ACQ_REL) == 0)
		discard(r, r->policy);
}

struct policy_verdict rulebook_decide(const struct rulebook *r, const struct policy_flow *flow)
{
	struct policy_program program = settings.program;
	program.uid = geteuid();
	return policy_decide(r->policy, &program, flow);
}

bool rulebook_owns(int fd)
{
	return watch && policy_watch_owns(watch, fd);
}
