/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry, as the shim writes it: one slot a connection, readable from outside at any time. */
#include "shim/registry/writer.h"

#include "shim/registry/file.h"
#include "shim/registry/sweep.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Whether there is a file.  UNMADE until the first connection, MAKING while one thread makes it. */
enum stage { UNMADE, MAKING, MADE, FAILED };

static struct {
	struct registry_settings settings;
	enum stage stage;
	struct registry_file file; /* valid when MADE */
	bool complained;           /* of a full file */
	bool elsewhere;            /* in another pid namespace than the file's */
} registry;

/* What everyone gets where there is no file or no room in it.  Nobody reads it. */
static struct registry_slot dummy = {.live = REGISTRY_LIVE, .id = "-"};

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void complain(const char *message)
{
	if (registry.settings.complain)
		registry.settings.complain(message);
}

/* ---- making the file ---------------------------------------------------------------------- */

void registry_init(const struct registry_settings *settings)
{
	registry.settings = *settings;
}

static void make(void)
{
	char why[512] = "", message[768];
	bool made = registry_file_create(&registry.file, &registry.settings, why, sizeof why);

	__atomic_store_n(&registry.stage, made ? MADE : FAILED, __ATOMIC_RELEASE);
	if (made)
		return;
	snprintf(message, sizeof message,
	         "registry: no usable run directory, connections will not be shown by sleeve "
	         "(%s); set SLEEVE_RUNDIR to a directory this program may write to",
	         why);
	complain(message);
}

/* Is there a file?  Makes it when asked for the first time.  The wait for another thread that
 * makes it is bounded, in case that thread is the one a signal handler has interrupted. */
static bool ready(void)
{
	enum stage stage = __atomic_load_n(&registry.stage, __ATOMIC_ACQUIRE);

	if (stage == UNMADE && __atomic_compare_exchange_n(&registry.stage, &stage, MAKING, false,
	                                                   __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
		make();
		stage = __atomic_load_n(&registry.stage, __ATOMIC_ACQUIRE);
	}
	for (int tries = 0; stage == MAKING && tries < 100000; tries++) {
		sched_yield();
		stage = __atomic_load_n(&registry.stage, __ATOMIC_ACQUIRE);
	}
	return stage == MADE;
}

bool registry_owns(int fd)
{
	return __atomic_load_n(&registry.stage, __ATOMIC_ACQUIRE) == MADE && fd == registry.file.fd;
}

void registry_forked(void)
{
	if (!getppid()) /* its parent has no pid here */
		registry.elsewhere = true;
	/* The thread that was making the file is not here. */
	if (__atomic_load_n(&registry.stage, __ATOMIC_RELAXED) == MAKING)
		__atomic_store_n(&registry.stage, UNMADE, __ATOMIC_RELAXED);
}

/* ---- the sequence ------------------------------------------------------------------------- */

/*
 * A seqlock that several writers may share.  The data goes by release stores, so none is seen
 * before the odd number.  A writer that died inside leaves the number odd; the next one waits a
 * bounded time and goes on in its place.
 */
static void write_begin(struct registry_slot *slot)
{
	for (int tries = 0; tries < 200; tries++) {
		uint32_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);
		if (!(sequence & 1) &&
		    __atomic_compare_exchange_n(&slot->sequence, &sequence, sequence + 1, false,
		                                __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return;
		if (tries > 20)
			sched_yield();
	}
}

static void write_end(struct registry_slot *slot)
{
	uint32_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);

	__atomic_store_n(&slot->sequence, (sequence | 1) + 1, __ATOMIC_RELEASE);
}

#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

/* size is a multiple of 8, as is everything in the layout that comes here. */
static void put_words(void *to, const void *from, size_t size)
{
	registry_word *words = to;

	for (size_t n = 0; n < size / 8; n++) {
		uint64_t word;
		memcpy(&word, (const char *)from + 8 * n, 8);
		__atomic_store_n(&words[n], word, __ATOMIC_RELEASE);
	}
}

/* Copies text into room for `size` bytes, zeros behind it; "..." where it had to be cut, and
 * never in the middle of a UTF-8 character. */
static void fit(char *to, const char *text, size_t size)
{
	memset(to, 0, size);
	size_t length = text ? strnlen(text, size) : 0;
	if (length < size) {
		memcpy(to, text ? text : "", length);
		return;
	}
	size_t cut = size - sizeof "...";
	while (cut && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	memcpy(to, text, cut);
	memcpy(to + cut, "...", sizeof "...");
}

static void put_text(char *field, const char *text, size_t size)
{
	char fitted[sizeof dummy.peer] __attribute__((aligned(8)));

	fit(fitted, text, size);
	put_words(field, fitted, size);
}

/* ---- counters ----------------------------------------------------------------------------- */

static bool claim(struct registry_counter *row, enum registry_verdict verdict,
                  enum registry_reason reason, const char *rule)
{
	uint32_t free = 0;
	size_t offset = (size_t)((char *)row - (char *)registry.file.header);

	if (!registry_file_reserve(&registry.file, offset, sizeof *row) ||
	    !__atomic_compare_exchange_n(&row->state, &free, 1, false, __ATOMIC_ACQUIRE,
	                                 __ATOMIC_RELAXED))
		return false;
	SET(row->verdict, (uint8_t)verdict);
	SET(row->reason, (uint16_t)reason);
	put_words(row->rule, rule, sizeof row->rule);
	__atomic_store_n(&row->state, 2, __ATOMIC_RELEASE);
	return true;
}

/* One more of this outcome.  rule has the width of a slot's. */
static void count(enum registry_verdict verdict, enum registry_reason reason, const char *rule)
{
	for (int n = 0; n < REGISTRY_COUNTERS; n++) {
		struct registry_counter *row = &registry.file.counters[n];
		uint32_t state = __atomic_load_n(&row->state, __ATOMIC_ACQUIRE);
		bool same = state == 2 && row->verdict == verdict && row->reason == reason &&
		            strncmp(row->rule, rule, sizeof row->rule) == 0;
		if (same || (!state && claim(row, verdict, reason, rule))) {
			__atomic_fetch_add(&row->count, 1, __ATOMIC_RELAXED);
			return;
		}
	}
	__atomic_fetch_add(&registry.file.header->uncounted, 1, __ATOMIC_RELAXED);
}

/* ---- taking a slot ------------------------------------------------------------------------ */

static bool take(struct registry_slot *slot, uint32_t from)
{
	return __atomic_compare_exchange_n(&slot->live, &from, REGISTRY_TAKEN, false,
	                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static uint32_t slots_used(void)
{
	uint32_t used = __atomic_load_n(&registry.file.header->used, __ATOMIC_ACQUIRE);

	return used < registry.file.slot_count ? used : registry.file.slot_count;
}

static struct registry_slot *next_by_hand(uint32_t used)
{
	uint32_t hand = __atomic_fetch_add(&registry.file.header->hand, 1, __ATOMIC_RELAXED);

	return &registry.file.slots[hand % used];
}

/* A hand that goes round meets the slots closed longest ago first, give or take. */
static struct registry_slot *take_closed(void)
{
	struct registry_header *header = registry.file.header;
	uint32_t used = slots_used();

	if (__atomic_load_n(&header->closed, __ATOMIC_RELAXED) <= 0)
		return NULL;
	for (uint32_t n = 0; n < used; n++) {
		struct registry_slot *slot = next_by_hand(used);
		if (take(slot, REGISTRY_CLOSED)) {
			__atomic_fetch_sub(&header->closed, 1, __ATOMIC_RELAXED);
			return slot;
		}
	}
	/* A process that died on its way has left the count wrong. */
	__atomic_store_n(&header->closed, 0, __ATOMIC_RELAXED);
	return NULL;
}

static bool grow(uint32_t n)
{
	struct registry_header *header = registry.file.header;
	size_t offset = REGISTRY_SLOTS_OFFSET + (size_t)n * sizeof dummy;
	uint32_t has = __atomic_load_n(&header->ready, __ATOMIC_RELAXED);

	if (n < has)
		return true;
	if (!registry_file_reserve(&registry.file, offset, sizeof dummy))
		return false;
	size_t pages_end = (offset + sizeof dummy + 4095) / 4096 * 4096;
	uint32_t grown = (uint32_t)((pages_end - REGISTRY_SLOTS_OFFSET) / sizeof dummy);
	while (has < grown && !__atomic_compare_exchange_n(&header->ready, &has, grown, false,
	                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return true;
}

static struct registry_slot *take_fresh(void)
{
	struct registry_header *header = registry.file.header;
	uint32_t n = __atomic_load_n(&header->used, __ATOMIC_RELAXED);

	while (n < registry.file.slot_count && grow(n)) {
		if (!__atomic_compare_exchange_n(&header->used, &n, n + 1, false, __ATOMIC_RELEASE,
		                                 __ATOMIC_RELAXED))
			continue;
		if (take(&registry.file.slots[n], REGISTRY_FREE))
			return &registry.file.slots[n];
		n++;
	}
	return NULL;
}

static bool is_orphan(const struct registry_slot *slot, bool shared)
{
	uint32_t pid = __atomic_load_n(&slot->pid, __ATOMIC_RELAXED);

	return __atomic_load_n(&slot->live, __ATOMIC_RELAXED) == REGISTRY_LIVE &&
	       (shared || !__atomic_load_n(&slot->shared, __ATOMIC_RELAXED)) &&
	       pid != (uint32_t)getpid() && !registry_process_exists(pid);
}

/* Slots of processes that were killed; `shared`: also such as others may hold still.  A few steps
 * a time, since each asks the kernel. */
static struct registry_slot *take_orphan(uint32_t steps, bool shared)
{
	uint32_t used = slots_used();

	for (uint32_t n = 0; n < steps && n < used && !registry.elsewhere; n++) {
		struct registry_slot *slot = next_by_hand(used);
		if (is_orphan(slot, shared) && take(slot, REGISTRY_LIVE))
			return slot;
	}
	return NULL;
}

/* Two steps for each slot that is taken: the dead are never more than the living and the history
 * together. */
static struct registry_slot *take_any(void)
{
	struct registry_slot *slot = NULL;

	if (__atomic_load_n(&registry.file.header->closed, __ATOMIC_RELAXED) >= REGISTRY_HISTORY)
		slot = take_closed();
	if (!slot && slots_used() >= REGISTRY_HISTORY)
		slot = take_orphan(2, false);
	if (!slot)
		slot = take_fresh();
	if (!slot)
		slot = take_closed();
	if (!slot)
		slot = take_orphan(64, true); /* the last resort */
	if (slot)
		return slot;
	if (!__atomic_exchange_n(&registry.complained, true, __ATOMIC_RELAXED))
		complain("registry: the file is full, or its file system is; "
		         "some connections will not be shown by sleeve");
	return &dummy;
}

/* ---- a connection's life ------------------------------------------------------------------ */

static struct registry_end end_of(const struct sockaddr *sa)
{
	struct registry_end end = {0};

	if (sa && sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;
		end.family = 4;
		end.port = ntohs(in->sin_port);
		end.address[10] = end.address[11] = 0xff;
		memcpy(&end.address[12], &in->sin_addr, 4);
	} else if (sa && sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		end.family = 6;
		end.port = ntohs(in6->sin6_port);
		end.scope = in6->sin6_scope_id;
		memcpy(end.address, &in6->sin6_addr, 16);
	}
	return end;
}

static void fill(struct registry_slot *slot, const struct registry_birth *birth)
{
	struct registry_slot draft = {
		.opened = now(),
		.cookie = birth->cookie,
		.local = end_of(birth->local),
		.remote = end_of(birth->remote),
		.pid = (uint32_t)getpid(),
		.uid = geteuid(),
		.fd = birth->fd,
		.reason = (uint16_t)birth->reason,
		.side = (uint8_t)birth->side,
		.verdict = (uint8_t)birth->verdict,
		.engine = (uint8_t)birth->engine,
		.shared = registry.elsewhere, /* its pid means nothing to others */
	};
	uint64_t serial = __atomic_add_fetch(&registry.file.header->serial, 1, __ATOMIC_RELAXED);
	size_t covered = offsetof(struct registry_slot, opened);

	snprintf(draft.id, sizeof draft.id, "%s-%llu", registry.file.stem,
	         (unsigned long long)serial);
	fit(draft.rule, birth->rule, sizeof draft.rule);
	fit(draft.mode, birth->mode, sizeof draft.mode);
	write_begin(slot);
	SET(slot->bytes_in, 0);
	SET(slot->bytes_out, 0);
	SET(slot->wire_in, 0);
	SET(slot->wire_out, 0);
	put_words(&slot->opened, &draft.opened, sizeof draft - covered);
	SET(slot->live, REGISTRY_LIVE);
	write_end(slot);
}

/* Books the outcome that `slot` has reached, unless there is none yet. */
static void book(const struct registry_slot *slot, enum registry_verdict verdict,
                 enum registry_reason reason)
{
	if (verdict == REGISTRY_PENDING)
		return;
	if (verdict == REGISTRY_REFUSED)
		SET(registry.file.header->last_refused, now());
	count(verdict, reason, slot->rule);
}

struct registry_slot *registry_add(const struct registry_birth *birth)
{
	int error = errno;
	struct registry_slot *slot = ready() ? take_any() : &dummy;

	if (slot != &dummy) {
		fill(slot, birth);
		book(slot, birth->verdict, birth->reason);
	}
	errno = error;
	return slot;
}

void registry_local(struct registry_slot *slot, const struct sockaddr *local)
{
	struct registry_end end = end_of(local);

	if (slot == &dummy)
		return;
	write_begin(slot);
	put_words(&slot->local, &end, sizeof end);
	write_end(slot);
}

void registry_verdict(struct registry_slot *slot, enum registry_verdict verdict,
                      enum registry_reason reason)
{
	int error = errno;

	if (slot == &dummy || (__atomic_load_n(&slot->verdict, __ATOMIC_RELAXED) == verdict &&
	                       __atomic_load_n(&slot->reason, __ATOMIC_RELAXED) == reason))
		return;
	write_begin(slot);
	SET(slot->verdict, (uint8_t)verdict);
	SET(slot->reason, (uint16_t)reason);
	write_end(slot);
	book(slot, verdict, reason);
	errno = error;
}

void registry_state(struct registry_slot *slot, const char *state)
{
	if (slot == &dummy)
		return;
	write_begin(slot);
	put_text(slot->state, state, sizeof slot->state);
	write_end(slot);
}

void registry_tls(struct registry_slot *slot, const struct registry_tls *facts)
{
	if (slot == &dummy)
		return;
	write_begin(slot);
	SET(slot->established, now());
	SET(slot->peer_expires, facts->peer_expires);
	SET(slot->resumed, facts->resumed);
	put_text(slot->tls, facts->tls, sizeof slot->tls);
	put_text(slot->cipher, facts->cipher, sizeof slot->cipher);
	put_text(slot->group, facts->group, sizeof slot->group);
	put_text(slot->peer, facts->peer, sizeof slot->peer);
	write_end(slot);
}

void registry_pid(struct registry_slot *slot, pid_t pid)
{
	if (slot == &dummy)
		return;
	write_begin(slot);
	SET(slot->pid, (uint32_t)pid);
	write_end(slot);
}

void registry_share(struct registry_slot *slot)
{
	if (slot == &dummy || __atomic_load_n(&slot->shared, __ATOMIC_RELAXED))
		return;
	write_begin(slot);
	SET(slot->shared, 1);
	write_end(slot);
}

void registry_carried(struct registry_slot *slot, pid_t pid)
{
	if (slot == &dummy)
		return;
	write_begin(slot);
	SET(slot->pid, (uint32_t)pid);
	SET(slot->engine, (uint8_t)REGISTRY_CARRIER);
	write_end(slot);
}

bool registry_bypass(struct registry_slot *slot, int64_t difference)
{
	if (slot == &dummy)
		return false;
	write_begin(slot);
	SET(slot->bypass, difference);
	write_end(slot);
	return true;
}

void registry_close(struct registry_slot *slot)
{
	uint32_t live = REGISTRY_LIVE;

	if (slot == &dummy || __atomic_load_n(&slot->live, __ATOMIC_RELAXED) != live)
		return;
	write_begin(slot);
	SET(slot->closed, now());
	bool closed = __atomic_compare_exchange_n(&slot->live, &live, REGISTRY_CLOSED, false,
	                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	write_end(slot);
	if (closed)
		__atomic_fetch_add(&registry.file.header->closed, 1, __ATOMIC_RELAXED);
}
