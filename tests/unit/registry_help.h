/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the registry share: a run directory of their own, and connections to put in. */
#ifndef SLEEVE_TESTS_REGISTRY_HELP_H
#define SLEEVE_TESTS_REGISTRY_HELP_H

#include "shim/registry/reader.h"
#include "shim/registry/writer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char complaint[1024];
static int complaints;

__attribute__((unused)) static void hear(const char *message)
{
	snprintf(complaint, sizeof complaint, "%s", message);
	complaints++;
}

static inline void make_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/sleeve-registry-XXXXXX");
	cr_assert(mkdtemp(folder));
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void start_registry(const char *rundir)
{
	registry_init(&(struct registry_settings){
		.rundir = rundir,
		.program = "/usr/bin/shop",
		.service = "till",
		.lowest_fd = 700,
		.complain = hear,
	});
}

static inline struct registry_slot *add(const char *rule, enum registry_verdict verdict,
                                        enum registry_reason reason)
{
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(40000)};
	struct sockaddr_in6 remote = {.sin6_family = AF_INET6, .sin6_port = htons(6379)};
	inet_pton(AF_INET, "10.1.2.3", &local.sin_addr);
	inet_pton(AF_INET6, "fd00::1", &remote.sin6_addr);
	return registry_add(&(struct registry_birth){
		.side = REGISTRY_CONNECT,
		.verdict = verdict,
		.reason = reason,
		.local = (const void *)&local,
		.remote = (const void *)&remote,
		.cookie = 77,
		.rule = rule,
		.mode = "strict",
		.fd = 9,
	});
}

static inline struct registry_slot *add_pending(void)
{
	return add("cache, as client", REGISTRY_PENDING, REGISTRY_HANDSHAKE);
}

static inline struct registry_view *view_folder(void)
{
	struct registry_view *view = registry_read(folder, NULL);
	cr_assert(view);
	return view;
}

static inline size_t count_live(const struct registry_view *view)
{
	size_t live = 0;
	for (size_t n = 0; n < view->entry_count; n++)
		live += view->entries[n].live;
	return live;
}

static inline void await_child(pid_t child)
{
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status), "the child ended with %#x", status);
}

/* The first registry file there is in the folder: "PID.sleeve" of the caller. */
static inline const char *own_file(void)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%d.sleeve", folder, (int)getpid());
	return path;
}

#endif
