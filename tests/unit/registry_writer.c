/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the shim writes is what the tools read, from several processes and on a hostile machine. */
#include "tests/unit/registry_help.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

TestSuite(registry_writer, .init = make_folder, .fini = remove_folder, .timeout = 60);

Test(registry_writer, a_connection_is_shown_with_all_that_is_known)
{
	start_registry(folder);
	struct registry_slot *slot = add_pending();
	registry_tls(slot, &(struct registry_tls){
				   .tls = "TLSv1.3",
				   .cipher = "TLS_AES_128_GCM_SHA256",
				   .group = "X25519MLKEM768",
				   .resumed = true,
				   .peer = "dns:cache,uri:spiffe://x/y",
				   .peer_expires = 1893456000,
			   });
	registry_verdict(slot, REGISTRY_TLS, REGISTRY_RULE);
	registry_state(slot, "open");
	registry_count(slot, 1, 2, 30, 40);
	registry_count(slot, 100, 0, 0, 0);
	registry_bypass(slot, -5);

	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 1);
	const struct registry_entry *entry = &view->entries[0];
	const struct registry_slot *seen = &entry->slot;
	cr_assert(entry->live && !entry->torn);
	cr_assert_eq(entry->family->owner, geteuid());
	cr_assert_str_eq(entry->family->header.program, "/usr/bin/shop");
	cr_assert_str_eq(entry->family->header.service, "till");
	cr_assert_eq(seen->bytes_in, 101);
	cr_assert_eq(seen->bytes_out, 2);
	cr_assert_eq(seen->wire_in, 30);
	cr_assert_eq(seen->wire_out, 40);
	cr_assert_eq(seen->bypass, -5);
	cr_assert_eq(seen->cookie, 77);
	cr_assert_eq(seen->pid, (uint32_t)getpid());
	cr_assert_eq(seen->fd, 9);
	cr_assert_eq(seen->local.family, 4);
	cr_assert_eq(seen->local.port, 40000);
	cr_assert_arr_eq(seen->local.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\3", 16);
	cr_assert_eq(seen->remote.family, 6);
	cr_assert_eq(seen->remote.port, 6379);
	cr_assert_eq(seen->verdict, REGISTRY_TLS);
	cr_assert_eq(seen->reason, REGISTRY_RULE);
	cr_assert_eq(seen->resumed, 1);
	cr_assert_eq(seen->peer_expires, 1893456000);
	cr_assert_gt(seen->established, seen->opened - 1);
	cr_assert_str_eq(seen->state, "open");
	cr_assert_str_eq(seen->mode, "strict");
	cr_assert_str_eq(seen->tls, "TLSv1.3");
	cr_assert_str_eq(seen->cipher, "TLS_AES_128_GCM_SHA256");
	cr_assert_str_eq(seen->group, "X25519MLKEM768");
	cr_assert_str_eq(seen->rule, "cache, as client");
	cr_assert_str_eq(seen->peer, "dns:cache,uri:spiffe://x/y");
	registry_view_free(view);
}

Test(registry_writer, the_file_is_private)
{
	struct stat st;
	start_registry(folder);
	add_pending();
	cr_assert(!stat(own_file(), &st));
	cr_assert_eq(st.st_mode & 07777, 0600, "mode %o", st.st_mode);
	cr_assert_leq(st.st_blocks * 512, 8192, "a file of one connection takes two pages");
}

Test(registry_writer, a_long_text_is_cut_between_characters)
{
	char rule[300] = "";
	start_registry(folder);
	for (int n = 0; n < 60; n++)
		strcat(rule, "a\xc3\xa9"); /* e acute: some byte of it would fall on the limit */
	add(rule, REGISTRY_PENDING, REGISTRY_HANDSHAKE);
	add(rule + 1, REGISTRY_PENDING, REGISTRY_HANDSHAKE);
	add(rule + 3, REGISTRY_PENDING, REGISTRY_HANDSHAKE);
	struct registry_view *view = view_folder();
	cr_assert_eq(view->entry_count, 3);
	for (size_t n = 0; n < 3; n++) {
		const char *seen = view->entries[n].slot.rule;
		size_t length = strlen(seen);
		cr_assert_str_eq(seen + length - 3, "...");
		cr_assert_neq((unsigned char)seen[length - 4], 0xc3, "half a character is left");
	}
	registry_view_free(view);
}

Test(registry_writer, outcomes_are_counted_for_ever)
{
	start_registry(folder);
	for (int n = 0; n < 5000; n++) {
		struct registry_slot *slot = add("in", REGISTRY_PENDING, REGISTRY_HANDSHAKE);
		registry_verdict(slot, n % 5 ? REGISTRY_TLS : REGISTRY_REFUSED,
		                 n % 5 ? REGISTRY_RULE : REGISTRY_PEER_UNTRUSTED);
		registry_close(slot);
	}
	add("", REGISTRY_PLAINTEXT, REGISTRY_NO_RULE);
	struct registry_view *view = view_folder();
	const struct registry_family *family = view->families[0];
	cr_assert_eq(family->counter_count, 3);
	for (size_t n = 0; n < 3; n++) {
		const struct registry_counter *row = &family->counters[n];
		uint64_t expected = row->verdict == REGISTRY_TLS       ? 4000
		                    : row->verdict == REGISTRY_REFUSED ? 1000
		                                                       : 1;
		cr_assert_eq(row->count, expected);
		cr_assert_str_eq(row->rule, row->verdict == REGISTRY_PLAINTEXT ? "" : "in");
	}
	registry_view_free(view);
}

Test(registry_writer, churn_reuses_slots_and_keeps_the_latest)
{
	char last[32] = "";
	start_registry(folder);
	struct registry_slot *keep = add_pending();
	for (int n = 0; n < 4 * REGISTRY_HISTORY; n++) {
		struct registry_slot *slot = add_pending();
		snprintf(last, sizeof last, "%s", slot->id);
		registry_close(slot);
	}
	struct registry_view *view = view_folder();
	bool seen_last = false, seen_kept = false;
	cr_assert_leq(view->families[0]->header.used, REGISTRY_HISTORY + 2);
	cr_assert_geq(view->entry_count, REGISTRY_HISTORY);
	for (size_t n = 0; n < view->entry_count; n++) {
		seen_last |= !strcmp(view->entries[n].slot.id, last);
		seen_kept |= view->entries[n].live && !strcmp(view->entries[n].slot.id, keep->id);
	}
	cr_assert(seen_last && seen_kept);
	cr_assert_eq(count_live(view), 1);
	registry_view_free(view);
}

static void killed_with(int slots, bool shared)
{
	pid_t child = fork();
	if (child == 0) {
		for (int n = 0; n < slots; n++) {
			struct registry_slot *slot = add_pending();
			if (shared)
				registry_share(slot);
		}
		raise(SIGKILL);
	}
	cr_assert_eq(waitpid(child, NULL, 0), child);
}

static uint32_t slots_used_after(int children, bool shared)
{
	for (int n = 0; n < children; n++)
		killed_with(100, shared);
	struct registry_view *view = view_folder();
	uint32_t used = view->families[0]->header.used;
	registry_view_free(view);
	return used;
}

Test(registry_writer, what_killed_workers_had_is_taken_again)
{
	start_registry(folder);
	struct registry_slot *keep = add_pending();
	char id[sizeof keep->id];
	memcpy(id, keep->id, sizeof id);
	uint32_t used = slots_used_after(50, false);
	cr_expect_leq(used, REGISTRY_HISTORY + 300, "%u slots", used);
	cr_expect_str_eq(keep->id, id, "it was taken from a living one");
	cr_expect_eq(slots_used_after(20, true) >= 2000, true, "others may hold what was shared");
}

Test(registry_writer, every_slot_in_use_is_no_failure)
{
	struct registry_slot *slot = NULL;
	start_registry(folder);
	for (int n = 0; n < REGISTRY_SLOTS; n++)
		slot = add_pending();
	cr_assert_eq(complaints, 0);
	cr_assert_str_neq(slot->id, "-");
	for (int n = 0; n < 3; n++)
		slot = add_pending(); /* nowhere to be seen */
	registry_verdict(slot, REGISTRY_TLS, REGISTRY_RULE);
	registry_count(slot, 1, 1, 1, 1);
	registry_close(slot);
	cr_assert_eq(complaints, 1);
	cr_assert(strstr(complaint, "full"));
}

/* ---- processes ---------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	const struct registry_entry *x = a, *y = b;
	return strcmp(x->slot.id, y->slot.id);
}

/* Returns in all processes at about the same time, a different one ahead each time, so that what
 * they do next collides if it can. */
static void meet(unsigned *arrived, unsigned expected, unsigned delay)
{
	__atomic_fetch_add(arrived, 1, __ATOMIC_ACQ_REL);
	for (unsigned tries = 0; __atomic_load_n(arrived, __ATOMIC_ACQUIRE) < expected; tries++)
		if (tries > 2000)
			sched_yield();
	for (volatile unsigned n = 0; n < delay; n++)
		;
}

Test(registry_writer, processes_take_slots_at_the_same_time)
{
	enum { CHILDREN = 2, EACH = 8000 };
	pid_t children[CHILDREN];
	unsigned *arrived = mmap(NULL, sizeof *arrived, PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(arrived != MAP_FAILED);
	start_registry(folder);
	add_pending();
	for (int c = 0; c < CHILDREN; c++) {
		children[c] = fork();
		if (children[c])
			continue;
		registry_forked();
		for (unsigned n = 0; n < EACH; n++) {
			meet(arrived, CHILDREN * (n + 1), c ? n % 101 : n % 103);
			struct registry_slot *slot = add_pending();
			registry_count(slot, 1, 0, 0, 0);
			if (n % 8 == 7)
				registry_close(slot);
		}
		_exit(0);
	}
	for (int c = 0; c < CHILDREN; c++)
		await_child(children[c]);
	struct registry_view *view = view_folder();
	size_t open = 0;
	cr_assert_eq(view->family_count, 1);
	cr_assert_eq(view->families[0]->header.serial, CHILDREN * EACH + 1);
	qsort(view->entries, view->entry_count, sizeof *view->entries, by_id);
	for (size_t n = 0; n < view->entry_count; n++) {
		const struct registry_slot *slot = &view->entries[n].slot;
		open += slot->live == REGISTRY_LIVE;
		cr_assert(!n || strcmp(slot[0].id, view->entries[n - 1].slot.id) != 0, "%s twice",
		          slot->id);
		cr_assert(slot->pid == (uint32_t)getpid() || slot->bytes_in == 1, "a shared slot");
	}
	cr_assert_eq(open, CHILDREN * EACH / 8 * 7 + 1, "none of the open ones was lost");
	cr_assert_eq(count_live(view), 1, "the dead hold nothing");
	registry_view_free(view);
}

static void *add_some(void *barrier)
{
	pthread_barrier_wait(barrier);
	for (int n = 0; n < 500; n++) {
		struct registry_slot *slot = add_pending();
		registry_verdict(slot, REGISTRY_TLS, REGISTRY_RULE);
		registry_count(slot, 1, 1, 1, 1);
		if (n % 2)
			registry_close(slot);
	}
	return NULL;
}

Test(registry_writer, threads_that_come_first_together_make_one_file)
{
	enum { THREADS = 6 };
	pthread_t threads[THREADS];
	pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, THREADS);
	start_registry(folder);
	for (int n = 0; n < THREADS; n++)
		cr_assert(!pthread_create(&threads[n], NULL, add_some, &barrier));
	for (int n = 0; n < THREADS; n++)
		pthread_join(threads[n], NULL);
	struct registry_view *view = view_folder();
	cr_assert_eq(view->family_count, 1);
	cr_assert_eq(view->families[0]->header.serial, THREADS * 500);
	cr_assert_eq(count_live(view), THREADS * 250);
	cr_assert_eq(view->families[0]->counter_count, 1);
	cr_assert_eq(view->families[0]->counters[0].count, THREADS * 500);
	cr_assert_eq(complaints, 0);
	registry_view_free(view);
}

Test(registry_writer, a_family_lives_as_long_as_its_last_process)
{
	int gate[2], ready[2];
	char byte = 0;
	cr_assert(!pipe(gate) && !pipe(ready));
	pid_t parent = fork();
	if (!parent) {
		start_registry(folder);
		struct registry_slot *slot = add_pending();
		if (!fork()) {
			registry_forked();
			registry_pid(slot, getpid());
			close(gate[1]);
			if (write(ready[1], "x", 1) != 1 || read(gate[0], &byte, 1) < 0)
				_exit(1);
			_exit(0);
		}
		_exit(0);
	}
	close(ready[1]);
	await_child(parent);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	struct registry_view *view = view_folder();
	cr_assert_eq(count_live(view), 1, "the child holds it");
	registry_view_free(view);
	close(gate[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 0); /* its end of the pipe closes as it ends */
	/* The kernel takes a process's descriptors one by one: the lock may go a moment later. */
	for (int tries = 0; tries < 1000; tries++) {
		view = view_folder();
		size_t families = view->family_count;
		registry_view_free(view);
		if (!families)
			return;
		usleep(10000);
	}
	cr_assert_fail("the file of the dead is still there");
}

Test(registry_writer, a_writer_that_died_inside_a_slot_holds_nobody_up)
{
	start_registry(folder);
	struct registry_slot *slot = add_pending();
	slot->sequence |= 1;
	struct registry_view *view = view_folder();
	cr_assert(view->entries[0].torn);
	registry_view_free(view);
	registry_state(slot, "open");
	view = view_folder();
	cr_assert(!view->entries[0].torn);
	cr_assert_str_eq(view->entries[0].slot.state, "open");
	registry_view_free(view);
}

Test(registry_writer, a_name_that_is_taken_is_left_alone)
{
	start_registry(folder);
	int fd = open(own_file(), O_CREAT | O_EXCL | O_WRONLY, 0600);
	cr_assert(fd >= 0 && write(fd, "mine", 4) == 4);
	close(fd);
	struct registry_slot *slot = add_pending();
	char expected[64];
	snprintf(expected, sizeof expected, "%d.1-1", (int)getpid());
	cr_assert_str_eq(slot->id, expected);
	struct stat st;
	cr_assert(!stat(own_file(), &st) && st.st_size == 4);
}

/* ---- the host program and its machine ------------------------------------------------------ */

Test(registry_writer, the_descriptor_is_out_of_the_way)
{
	start_registry(folder);
	cr_assert(!registry_owns(3));
	add_pending();
	int own = -1;
	for (int fd = 0; fd < 1024; fd++)
		if (registry_owns(fd))
			own = fd;
	cr_assert_geq(own, 700);
	cr_assert(fcntl(own, F_GETFD) & FD_CLOEXEC);
}

Test(registry_writer, a_bad_directory_is_said_once_and_no_failure)
{
	start_registry("/proc/nowhere/at/all");
	errno = EAGAIN;
	struct registry_slot *slot = add_pending();
	cr_assert_eq(errno, EAGAIN);
	registry_verdict(slot, REGISTRY_TLS, REGISTRY_RULE);
	registry_state(slot, "open");
	registry_count(slot, 1, 1, 1, 1);
	registry_close(slot);
	cr_assert(add_pending());
	cr_assert_eq(complaints, 1);
	cr_assert(strstr(complaint, "/proc/nowhere/at/all"), "%s", complaint);
	cr_assert(strstr(complaint, "SLEEVE_RUNDIR"), "%s", complaint);
}

Test(registry_writer, errno_is_kept_when_all_is_well)
{
	start_registry(folder);
	errno = EINTR;
	struct registry_slot *slot = add("x", REGISTRY_REFUSED, REGISTRY_RULE);
	registry_verdict(slot, REGISTRY_REFUSED, REGISTRY_NOT_TLS);
	registry_close(slot);
	cr_assert_eq(errno, EINTR);
}

Test(registry_writer, a_file_size_limit_does_not_kill)
{
	struct rlimit limit = {100 * 1024, 100 * 1024};
	cr_assert(!setrlimit(RLIMIT_FSIZE, &limit));
	start_registry(folder);
	cr_assert_str_neq(add_pending()->id, "-");
	for (int n = 0; n < 500; n++)
		add_pending();
	cr_assert_eq(complaints, 1);
}

Test(registry_writer, a_full_file_system_does_not_kill)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", folder, "tmpfs", 0, "size=64k"))
		cr_skip_test("needs the right to mount a small file system");
	start_registry(folder);
	cr_assert_str_neq(add_pending()->id, "-");
	for (int n = 0; n < 500; n++) {
		struct registry_slot *slot = add_pending();
		registry_verdict(slot, REGISTRY_TLS, (enum registry_reason)(n % 20));
	}
	cr_assert_eq(complaints, 1);
	cr_assert(strstr(complaint, "full"));
	umount(folder);
}

/* ---- where the file goes when nobody says ---------------------------------------------------- */

enum { NOBODY = 65534 };

/* /run and /tmp empty, nobody's own XDG_RUNTIME_DIR below /run, and no rights. */
static void become_nobody(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777"))
		cr_skip_test("needs the right to mount file systems");
	cr_assert(!mkdir("/run/nobody", 0700) && !chown("/run/nobody", NOBODY, NOBODY));
}

static void lose_rights(const char *xdg_runtime_dir)
{
	cr_assert(!setresgid(NOBODY, NOBODY, NOBODY) && !setresuid(NOBODY, NOBODY, NOBODY));
	registry_init(&(struct registry_settings){
		.xdg_runtime_dir = xdg_runtime_dir,
		.program = "x",
		.lowest_fd = 700,
		.complain = hear,
	});
	add_pending();
}

static bool holds_own_file(const char *directory)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%d.sleeve", directory, (int)getpid());
	return !access(path, F_OK);
}

Test(registry_place, in_the_common_directory_where_there_is_one)
{
	become_nobody();
	cr_assert(!mkdir("/run/sleeve", 0700) && !chmod("/run/sleeve", 01777));
	lose_rights("/run/nobody");
	cr_assert(holds_own_file("/run/sleeve"));
}

Test(registry_place, made_by_root_for_all)
{
	struct stat st;
	become_nobody();
	umask(077);
	registry_init(&(struct registry_settings){.program = "x", .complain = hear});
	add_pending();
	cr_assert(holds_own_file("/run/sleeve"));
	cr_assert(!stat("/run/sleeve", &st) && (st.st_mode & 07777) == 01777);
}

Test(registry_place, else_in_the_user_s_own)
{
	struct stat st;
	become_nobody();
	lose_rights("/run/nobody");
	cr_assert(holds_own_file("/run/nobody/sleeve"));
	cr_assert(!stat("/run/nobody/sleeve", &st) && (st.st_mode & 07777) == 0700);
}

Test(registry_place, else_in_tmp)
{
	struct stat st;
	become_nobody();
	lose_rights(NULL);
	cr_assert(holds_own_file("/tmp/sleeve-65534"));
	cr_assert(!stat("/tmp/sleeve-65534", &st) && (st.st_mode & 07777) == 0700);
}

Test(registry_place, another_user_s_directory_is_not_used)
{
	become_nobody();
	cr_assert(!mkdir("/run/other", 0777) && !chmod("/run/other", 0777));
	cr_assert(!mkdir("/run/other/sleeve", 0777) && !chmod("/run/other/sleeve", 0777));
	cr_assert(!mkdir("/tmp/sleeve-65534", 0777) && !chmod("/tmp/sleeve-65534", 0777));
	lose_rights("/run/other");
	cr_assert(!holds_own_file("/run/other/sleeve") && !holds_own_file("/tmp/sleeve-65534"));
	cr_assert_eq(complaints, 1);
	cr_assert(strstr(complaint, "/tmp/sleeve-65534: Operation not permitted"), "%s", complaint);
}

Test(registry_place, a_link_in_tmp_is_not_followed)
{
	become_nobody();
	cr_assert(!mkdir("/run/nobody/target", 0700) &&
	          !chown("/run/nobody/target", NOBODY, NOBODY));
	cr_assert(!symlink("/run/nobody/target", "/tmp/sleeve-65534"));
	lose_rights(NULL);
	cr_assert(!holds_own_file("/run/nobody/target"));
	cr_assert_eq(complaints, 1);
}

Test(registry_place, a_group_s_directory_lets_the_group_read)
{
	struct stat st;
	become_nobody();
	cr_assert(!mkdir("/run/sleeve", 0700) && !chown("/run/sleeve", 0, 4711) &&
	          !chmod("/run/sleeve", 03777));
	umask(077);
	lose_rights(NULL);
	char path[64];
	snprintf(path, sizeof path, "/run/sleeve/%d.sleeve", (int)getpid());
	cr_assert(!stat(path, &st));
	cr_assert_eq(st.st_mode & 07777, 0640, "%o", st.st_mode);
	cr_assert_eq(st.st_gid, 4711);
}
