/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates for a run of the unit tests: made by the first test that asks, for all of them. */
#include "tests/unit/tls_help.h"

#include <criterion/hooks.h>
#include <fcntl.h>
#include <sys/file.h>

/* Tests are processes of their own: the folder's name reaches them by the environment. */
static char folder[] = "/tmp/sleeve-pki-XXXXXX";

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	if (mkdtemp(folder))
		setenv("SLEEVE_TEST_PKI", folder, 1);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	(void)stats;
	char command[100];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays behind\n", folder);
}

const char *pki(const char *file)
{
	static char paths[8][128];
	static unsigned next;
	const char *at = getenv("SLEEVE_TEST_PKI");
	cr_assert(at, "no folder for certificates");
	char *path = paths[next++ % 8];
	snprintf(path, 128, "%s/lock", at);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
	snprintf(path, 128, "%s/ready", at);
	if (access(path, F_OK) < 0) {
		char command[200];
		snprintf(command, sizeof command, "sh tests/unit/tls_pki.sh '%s'", at);
		cr_assert_eq(system(command), 0, "no certificates could be made");
	}
	close(lock);
	snprintf(path, 128, "%s/%s", at, file);
	return path;
}
