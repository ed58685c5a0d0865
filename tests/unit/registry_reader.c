/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader runs as root over files that anybody wrote: nothing in them may harm or fool it. */
#include "tests/unit/registry_help.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <time.h>

TestSuite(registry_reader, .init = make_folder, .fini = remove_folder, .timeout = 60);

static const char *in_folder(const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
	int fd = open(in_folder(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);
	cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

/* A family of one process that adds some connections and ends; its file gets this name. */
static void leave_file(const char *name, enum registry_verdict verdict, enum registry_reason reason)
{
	pid_t child = fork();
	if (!child) {
		start_registry(folder);
		for (int n = 0; n < 5; n++)
			registry_state(add("rule", verdict, reason), "open");
		_exit(rename(own_file(), in_folder(name)) != 0);
	}
	await_child(child);
}

/* The bytes of such a file, as far as they are used, and with it no file any more. */
static char *dead_file(size_t *size)
{
	leave_file("model.sleeve", REGISTRY_REFUSED, REGISTRY_NOT_TLS);
	*size = REGISTRY_SLOTS_OFFSET + 5 * sizeof(struct registry_slot);
	char *bytes = malloc(*size);
	int fd = open(in_folder("model.sleeve"), O_RDONLY);
	cr_assert(bytes && fd >= 0 && read(fd, bytes, *size) == (ssize_t)*size);
	close(fd);
	unlink(in_folder("model.sleeve"));
	return bytes;
}

/* Whatever the reader accepted must be safe to print. */
static void check_view(const struct registry_view *view)
{
	for (size_t n = 0; n < view->entry_count; n++) {
		const struct registry_slot *slot = &view->entries[n].slot;
		cr_assert(memchr(slot->id, 0, sizeof slot->id));
		cr_assert(memchr(slot->state, 0, sizeof slot->state));
		cr_assert(memchr(slot->mode, 0, sizeof slot->mode));
		cr_assert(memchr(slot->tls, 0, sizeof slot->tls));
		cr_assert(memchr(slot->cipher, 0, sizeof slot->cipher));
		cr_assert(memchr(slot->group, 0, sizeof slot->group));
		cr_assert(memchr(slot->rule, 0, sizeof slot->rule));
		cr_assert(memchr(slot->peer, 0, sizeof slot->peer));
		cr_assert(*registry_reason_name(slot->reason) || slot->reason == REGISTRY_NONE);
		cr_assert(*registry_verdict_name(slot->verdict) && *registry_side_name(slot->side));
		cr_assert(*registry_engine_name(slot->engine));
	}
	for (size_t n = 0; n < view->family_count; n++) {
		const struct registry_header *header = &view->families[n]->header;
		cr_assert(memchr(header->program, 0, sizeof header->program));
		cr_assert(memchr(header->service, 0, sizeof header->service));
		cr_assert(header->used <= REGISTRY_SLOTS);
		cr_assert(view->families[n]->counter_count <= REGISTRY_COUNTERS);
	}
}

/* ---- hostile files ------------------------------------------------------------------------ */

Test(registry_reader, random_bytes)
{
	static unsigned char bytes[64 * 1024];
	srand(1);
	for (int round = 0; round < 200; round++) {
		size_t size = (size_t)rand() % sizeof bytes;
		for (size_t n = 0; n < size; n++)
			bytes[n] = (unsigned char)rand();
		if (round % 2)
			memcpy(bytes, REGISTRY_MAGIC, 8);
		write_bytes("x.sleeve", bytes, size);
		struct registry_view *view = view_folder();
		cr_assert(!view->family_count);
		cr_assert(view->trouble_count == (size > 0));
		registry_view_free(view);
	}
}

Test(registry_reader, a_good_file_with_bytes_overwritten)
{
	size_t size;
	char *good = dead_file(&size), *bad = malloc(size);
	srand(2);
	for (int round = 0; round < 2000; round++) {
		memcpy(bad, good, size);
		for (int n = 0; n < 40; n++) { /* half of them where it hurts */
			size_t at = n % 2 ? 24 + (size_t)rand() % 700
			                  : REGISTRY_SLOTS_OFFSET +
			                            (size_t)rand() % (size - REGISTRY_SLOTS_OFFSET);
			bad[at] = rand() % 3 ? (char)rand() : (char)0xff;
		}
		write_bytes("x.sleeve", bad, size);
		struct registry_view *view = view_folder();
		check_view(view);
		registry_view_free(view);
	}
	free(good);
	free(bad);
}

Test(registry_reader, texts_without_an_end)
{
	size_t size;
	char *bytes = dead_file(&size);
	struct registry_header *header = (void *)bytes;
	struct registry_slot *slots = (void *)(bytes + REGISTRY_SLOTS_OFFSET);
	memset(header->boot_id, 'b',
	       sizeof header->boot_id + sizeof header->service + sizeof header->program);
	for (int n = 0; n < 5; n++)
		memset(slots[n].id, 'x', sizeof slots[n] - offsetof(struct registry_slot, id));
	header->last_refused = INT64_MAX;
	header->uid = 4711; /* a lie: only the file's owner counts */
	write_bytes("x.sleeve", bytes, size);
	int fd = open(in_folder("x.sleeve"), O_RDONLY); /* as a living family would */
	cr_assert(!flock(fd, LOCK_EX));
	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 5);
	check_view(view);
	cr_assert_eq(view->families[0]->owner, geteuid());
	registry_view_free(view);
	free(bytes);
}

Test(registry_reader, every_length_of_a_truncated_file)
{
	size_t size;
	char *bytes = dead_file(&size);
	for (size_t cut = 0; cut < size; cut += cut < 1100 ? 13 : 517) {
		write_bytes("x.sleeve", bytes, cut);
		struct registry_view *view = view_folder();
		check_view(view);
		cr_assert_leq(view->entry_count, cut / sizeof(struct registry_slot));
		registry_view_free(view);
	}
	free(bytes);
}

Test(registry_reader, huge_counts)
{
	size_t size;
	char *bytes = dead_file(&size);
	struct registry_header *header = (void *)bytes;
	header->slot_count = header->used = header->ready = header->counter_count = UINT32_MAX;
	header->serial = header->uncounted = UINT64_MAX;
	header->closed = INT32_MIN;
	write_bytes("x.sleeve", bytes, size);
	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 5, "all that is in the file, and no more");
	check_view(view);
	registry_view_free(view);
	free(bytes);
}

Test(registry_reader, what_is_no_regular_file)
{
	size_t size;
	char *bytes = dead_file(&size);
	write_bytes("elsewhere", bytes, size);
	cr_assert(!symlink("elsewhere", in_folder("link.sleeve")));
	cr_assert(!mkfifo(in_folder("fifo.sleeve"), 0600)); /* opening it must not block */
	cr_assert(!mkdir(in_folder("folder.sleeve"), 0700));
	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 0);
	cr_assert_eq(view->trouble_count, 3);
	bool link = false;
	for (size_t n = 0; n < 3; n++)
		link |= strstr(view->troubles[n], "symbolic link") != NULL;
	cr_assert(link);
	registry_view_free(view);
	free(bytes);
}

Test(registry_reader, another_version_is_named_and_kept)
{
	size_t size;
	char *bytes = dead_file(&size);
	((struct registry_header *)(void *)bytes)->version = REGISTRY_VERSION + 1;
	write_bytes("x.sleeve", bytes, size);
	struct registry_view *view = view_folder();
	cr_assert_eq(view->trouble_count, 1);
	cr_assert(strstr(view->troubles[0], "another version"), "%s", view->troubles[0]);
	cr_assert(!access(in_folder("x.sleeve"), F_OK));
	registry_view_free(view);
	free(bytes);
}

Test(registry_reader, a_directory_that_is_not_there)
{
	struct registry_view *view = registry_read("/proc/nowhere", NULL);
	cr_assert(view && view->trouble_count == 1 && strstr(view->troubles[0], "/proc/nowhere"));
	registry_view_free(view);
}

/* ---- files of the dead -------------------------------------------------------------------- */

Test(registry_reader, the_dead_are_swept)
{
	leave_file("x.sleeve", REGISTRY_TLS, REGISTRY_RULE);
	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 0);
	cr_assert(access(in_folder("x.sleeve"), F_OK));
	registry_view_free(view);
}

/* Its maker holds the lock from before the file has a size. */
Test(registry_reader, what_was_never_finished_is_swept_once_its_maker_is_dead)
{
	static const char zeroes[40000];
	for (size_t size = 0; size <= sizeof zeroes; size += sizeof zeroes / 2) {
		write_bytes("x.sleeve", zeroes, size);
		int maker = open(in_folder("x.sleeve"), O_RDONLY);
		for (int dead = 0; dead < 2; dead++) {
			if (dead)
				close(maker);
			else
				cr_assert_eq(flock(maker, LOCK_EX), 0);
			struct registry_view *view = view_folder();
			cr_expect_eq(view->trouble_count, 0, "%s", view->troubles[0]);
			registry_view_free(view);
			/* Of one without a size it cannot be told at once. */
			cr_expect_eq(access(in_folder("x.sleeve"), F_OK) != 0, dead && size,
			             "%zu bytes, maker %s", size, dead ? "dead" : "alive");
		}
	}
}

Test(registry_reader, what_was_refused_is_remembered_for_a_while)
{
	leave_file("x.sleeve", REGISTRY_REFUSED, REGISTRY_PEER_UNTRUSTED);
	for (int again = 0; again < 2; again++) {
		struct registry_view *view = view_folder();
		cr_assert_eq(view->entry_count, 5);
		cr_assert_eq(count_live(view), 0);
		cr_assert_eq(view->entries[0].slot.reason, REGISTRY_PEER_UNTRUSTED);
		registry_view_free(view);
	}
	int fd = open(in_folder("x.sleeve"), O_RDWR);
	int64_t long_ago = (time(NULL) - REGISTRY_KEEP - 1) * INT64_C(1000000000);
	cr_assert_eq(pwrite(fd, &long_ago, sizeof long_ago,
	                    offsetof(struct registry_header, last_refused)),
	             sizeof long_ago);
	close(fd);
	registry_view_free(view_folder());
	cr_assert(access(in_folder("x.sleeve"), F_OK));
}

Test(registry_reader, the_living_are_not_swept_and_writers_sweep_too)
{
	leave_file("dead.sleeve", REGISTRY_TLS, REGISTRY_RULE);
	write_bytes("other.sleeve", "not ours", 8);
	start_registry(folder);
	add_pending();
	cr_assert(access(in_folder("dead.sleeve"), F_OK), "the first connection sweeps");
	cr_assert(!access(in_folder("other.sleeve"), F_OK), "what is no registry stays");
	registry_view_free(view_folder());
	cr_assert(!access(own_file(), F_OK));
}

/* This is how a program finds, after exec, what it held before. */
Test(registry_reader, a_slot_whose_process_lives_keeps_the_file)
{
	size_t size;
	char *bytes = dead_file(&size);
	struct registry_header *header = (void *)bytes;
	struct registry_slot *slots = (void *)(bytes + REGISTRY_SLOTS_OFFSET);
	header->last_refused = 0;
	slots[3].pid = (uint32_t)getpid();
	write_bytes("x.sleeve", bytes, size);
	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 5);
	cr_assert_eq(count_live(view), 0, "its family is gone all the same");
	registry_view_free(view);
	memset(header->boot_id, '0', 36);
	write_bytes("x.sleeve", bytes, size);
	registry_view_free(view_folder());
	cr_assert(access(in_folder("x.sleeve"), F_OK),
	          "before a restart, that was another process");
	free(bytes);
}

/* ---- a slot that changes ------------------------------------------------------------------ */

static void write_for_ever(struct registry_slot *slot)
{
	char peer[2][300];
	memset(peer[0], 'a', 299);
	memset(peer[1], 'b', 299);
	peer[0][299] = peer[1][299] = '\0';
	for (unsigned n = 0;; n++)
		registry_tls(slot, &(struct registry_tls){
					   .tls = n % 2 ? "b" : "a",
					   .cipher = n % 2 ? "b" : "a",
					   .group = n % 2 ? "b" : "a",
					   .peer = peer[n % 2],
					   .peer_expires = n % 2 ? 'b' : 'a',
				   });
}

Test(registry_reader, never_half_the_old_and_half_the_new)
{
	start_registry(folder);
	struct registry_slot *slot = add_pending();
	unsigned whole = 0, seen[2] = {0};
	pid_t writer = fork();
	if (!writer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* not for longer than a test that fails */
		registry_forked();
		write_for_ever(slot);
	}
	struct registry_view *view = view_folder();
	for (int n = 0; n < 20000; n++) {
		struct registry_entry *entry = &view->entries[0];
		const struct registry_slot *read = &entry->slot;
		if (!registry_read_again(entry) || !*read->tls)
			continue;
		whole++;
		seen[*read->tls == 'b']++;
		cr_assert_eq(*read->tls, *read->cipher);
		cr_assert_eq(*read->tls, *read->group);
		cr_assert_eq(*read->tls, read->peer[0]);
		cr_assert_eq(*read->tls, read->peer[298]);
		cr_assert_eq(*read->tls, read->peer_expires);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	registry_view_free(view);
	cr_assert(whole > 100 && seen[0] && seen[1], "%u %u %u", whole, seen[0], seen[1]);
}

/* ---- words -------------------------------------------------------------------------------- */

Test(registry_reader, words_of_numbers_that_mean_nothing)
{
	cr_assert_str_eq(registry_reason_name(REGISTRY_NOT_TLS), "not_tls");
	cr_assert_str_eq(registry_reason_name(65535), "?");
	cr_assert_str_eq(registry_verdict_name(REGISTRY_REFUSED), "refused");
	cr_assert_str_eq(registry_verdict_name(255), "?");
	cr_assert_str_eq(registry_side_name(2), "?");
	cr_assert_str_eq(registry_engine_name(2), "?");
}
