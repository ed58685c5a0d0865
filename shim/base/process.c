/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process this is. */
#include "shim/base/process.h"

#include <sys/resource.h>
#include <unistd.h>

pid_t process_id;

bool process_is_guest(void)
{
	return getpid() != process_id;
}

int process_lowest_own(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= 1024)
		return 1000;
	return limit.rlim_cur > 32 ? (int)limit.rlim_cur - 16 : 3;
}
