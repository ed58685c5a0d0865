/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes on disk are noticed, through links and after chroot, and only changes are. */
#include "policy/reload.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOWEST = 200 };

static char folder[64];

static const char *in_folder(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, 256, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_folder(name), "w");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
}

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/sleeve-reload-XXXXXX");
	cr_assert(mkdtemp(folder));
}

static void remove_folder(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	cr_assert_eq(system(command), 0);
}

#define IDENTITY "version = 1; identities = ({ name = \"i\"; certificate = \"c\"; key = \"k\"; " \
	"trust = \"t\"; }); rules = ({ name = \"a\"; on = \"connect\"; identity = \"i\"; " \
	"mode = \"strict\"; });\n"

static struct policy *load(const char *path, int dirfd)
{
	struct policy_findings findings = { 0 };
	struct policy *p = policy_load(path, dirfd, &findings);
	policy_findings_print(&findings, stderr);
	policy_findings_clear(&findings);
	return p;
}

TestSuite(policy_reload, .init = make_folder, .fini = remove_folder);

Test(policy_reload, each_file_counts_once)
{
	write_file("p", IDENTITY "@include \"more\"\n");
	write_file("more", "// nothing\n");
	write_file("c", "c");
	write_file("k", "k");
	struct policy *p = load(in_folder("p"), -1);
	cr_assert(p);
	struct policy_watch *w = policy_watch_new(in_folder("p"), p, AT_FDCWD, LOWEST);
	cr_assert(w);
	cr_expect(!policy_watch_changed(w));
	static const char *const changes[] = { "p", "more", "c", "k", "t" };
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		write_file(changes[i], "something else");
		cr_expect(policy_watch_changed(w), "%s was written, unnoticed", changes[i]);
		cr_expect(!policy_watch_changed(w), "%s is noticed twice", changes[i]);
	}
	unlink(in_folder("k"));
	cr_expect(policy_watch_changed(w), "the key is gone, unnoticed");
	policy_watch_free(w);
	policy_free(p);
}

Test(policy_reload, what_changed_between_load_and_watch_is_noticed)
{
	write_file("p", IDENTITY);
	struct policy *p = load(in_folder("p"), -1);
	write_file("p", IDENTITY "\n");
	struct policy_watch *w = policy_watch_new(in_folder("p"), p, AT_FDCWD, LOWEST);
	cr_expect(policy_watch_changed(w));
	cr_expect(!policy_watch_changed(w));
	policy_watch_free(w);
	policy_free(p);
}

Test(policy_reload, a_broken_include_that_is_mended_is_noticed)
{
	write_file("p", "version = 1; rules = ();\n");
	struct policy_watch *w = policy_watch_new(in_folder("p"), NULL, AT_FDCWD, LOWEST);
	write_file("more", "broken ( ");
	write_file("p", "version = 1; rules = ();\n@include \"more\"\n");
	cr_expect(policy_watch_changed(w));
	cr_expect(!policy_watch_changed(w));
	write_file("more", "# mended");
	cr_expect(policy_watch_changed(w));
	policy_watch_free(w);

	write_file("more", "broken ( ");
	w = policy_watch_new(in_folder("p"), NULL, AT_FDCWD, LOWEST);
	cr_expect(!policy_watch_changed(w));
	write_file("more", "# mended");
	cr_expect(policy_watch_changed(w));
	policy_watch_free(w);
}

/* As Kubernetes publishes a volume: p -> ..data/p, ..data -> the folder of the day. */
Test(policy_reload, a_swapped_link_is_noticed_and_followed)
{
	mkdir(in_folder("one"), 0700);
	mkdir(in_folder("two"), 0700);
	write_file("one/p", "version = 1; rules = ();\n");
	write_file("two/p", IDENTITY);
	cr_assert_eq(symlink("one", in_folder("..data")), 0);
	cr_assert_eq(symlink("..data/p", in_folder("p")), 0);
	struct policy_watch *file = policy_watch_new(in_folder("p"), NULL, AT_FDCWD, LOWEST);
	struct policy_watch *through =
		policy_watch_new(in_folder("..data/p"), NULL, AT_FDCWD, LOWEST);

	cr_assert_eq(symlink("two", in_folder("..new")), 0);
	cr_assert_eq(rename(in_folder("..new"), in_folder("..data")), 0);
	cr_expect(policy_watch_changed(file), "the link to the file was swapped, unnoticed");
	cr_expect(policy_watch_changed(through), "the link to the folder was swapped, unnoticed");
	cr_expect(!policy_watch_changed(file));
	cr_expect(!policy_watch_changed(through));

	struct policy *p = load(in_folder("..data/p"), policy_watch_directory(through));
	cr_assert(p);
	cr_expect_eq(p->rule_count, 1, "the policy was read from the old folder");
	policy_free(p);
	policy_watch_free(file);
	policy_watch_free(through);
}

Test(policy_reload, its_descriptors_are_high_and_known)
{
	write_file("p", IDENTITY);
	struct policy *p = load(in_folder("p"), -1);
	int before = open("/dev/null", O_RDONLY);
	close(before);
	struct policy_watch *w = policy_watch_new(in_folder("p"), p, AT_FDCWD, LOWEST);
	int after = open("/dev/null", O_RDONLY);
	close(after);
	cr_expect_eq(before, after, "a low descriptor is taken");
	int folder_fd = policy_watch_directory(w);
	cr_expect_geq(folder_fd, LOWEST);
	cr_expect(fcntl(folder_fd, F_GETFD) & FD_CLOEXEC);
	cr_expect(policy_watch_owns(w, folder_fd));
	cr_expect(!policy_watch_owns(w, 0));
	cr_expect(!policy_watch_owns(w, -1));
	int owned = 0;
	for (int fd = 0; fd < 1024; fd++)
		owned += policy_watch_owns(w, fd);
	cr_expect_eq(owned, 1, "one folder, not %d", owned);
	write_file("c", "text");
	char text[8] = "";
	int fd = policy_watch_open(w, p->identities[0].certificate);
	cr_expect_eq(read(fd, text, sizeof(text)), 4);
	close(fd);
	cr_expect_lt(policy_watch_open(w, "/etc/passwd"), 0, "a file it was not told of");
	policy_watch_free(w);
	policy_free(p);
	cr_expect_lt(fcntl(folder_fd, F_GETFD), 0, "a descriptor is left open");
}

/* 0 when all was well in there, else the number of the step that failed; 77: no chroot here. */
static int inside_chroot(void)
{
	write_file("p", IDENTITY "@include \"more\"\n");
	write_file("more", "");
	int root = open("/", O_PATH | O_DIRECTORY);
	struct policy_watch *w = policy_watch_new(in_folder("p"), NULL, root, LOWEST);
	mkdir(in_folder("one"), 0700);
	mkdir(in_folder("two"), 0700);
	write_file("one/q", "# 1");
	write_file("two/q", "# 2");
	if (symlink("one", in_folder("link")))
		return 8;
	struct policy_watch *linked = policy_watch_new(in_folder("link/q"), NULL, root, LOWEST);
	char cage[256];
	snprintf(cage, sizeof(cage), "%s", in_folder("cage"));
	int old = open(folder, O_PATH | O_DIRECTORY);
	if (mkdir(cage, 0700) || chroot(cage) || chdir("/"))
		return 77;
	if (policy_watch_changed(w))
		return 1;
	if (policy_watch_changed(linked) || symlinkat("two", old, "new") ||
	    renameat(old, "new", old, "link") || !policy_watch_changed(linked))
		return 7;
	policy_watch_free(linked);
	int fd = openat(old, "more", O_WRONLY);
	if (fd < 0 || write(fd, "# more", 6) != 6 || close(fd))
		return 2;
	if (!policy_watch_changed(w))
		return 3;
	struct policy *p = load(in_folder("p"), policy_watch_directory(w));
	if (!p)
		return 4;
	policy_free(p);
	/* The user is known outside only: the policy must not change its meaning in here. */
	fd = openat(old, "p", O_WRONLY | O_TRUNC);
	const char *text =
		"version = 1; rules = ({ name = \"a\"; on = \"connect\"; mode = \"deny\"; "
		"users = [\"root\"]; });";
	if (write(fd, text, strlen(text)) < 0 || close(fd) || !policy_watch_changed(w))
		return 5;
	struct policy_findings findings = { 0 };
	p = policy_load(in_folder("p"), policy_watch_directory(w), &findings);
	int found = p && findings.count == 0 ? 0 : 6;
	policy_findings_clear(&findings);
	policy_free(p);
	policy_watch_free(w);
	w = policy_watch_new(in_folder("p"), NULL, root, LOWEST);
	if (policy_watch_directory(w) < 0)
		return 9;
	policy_watch_free(w);
	return found;
}

Test(policy_reload, chroot_is_survived)
{
	pid_t child = fork();
	if (child == 0)
		_exit(inside_chroot());
	int status = 0;
	cr_assert_eq(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 77)
		cr_skip_test("chroot is not allowed to this user");
	cr_expect_eq(status, 0, "step %d failed in there", WEXITSTATUS(status));
}
