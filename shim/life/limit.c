/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the limits of resources (getrlimit(2)), for one of them. */
#include "shim/life/door.h"
#include "shim/life/limit.h"

#include "shim/base/process.h"
#include "shim/life/fork.h"
#include "shim/session/rulebook.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

_Static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "limits of 32 bits");

/* The hard limit that the program has set itself; one that the kernel has is lower, or the same. */
static rlim64_t promised = RLIM64_INFINITY;

static int kernel_limit(const struct rlimit64 *new, struct rlimit64 *old)
{
	return real.prlimit64(0, RLIMIT_NPROC, new, old);
}

static struct rlimit64 kept_by(struct rlimit64 limit)
{
	if (promised < limit.rlim_max)
		limit.rlim_max = promised;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_cur = limit.rlim_max;
	return limit;
}

struct rlimit64 limit_lift(void)
{
	struct rlimit64 before = {0};
	kernel_limit(NULL, &before);
	struct rlimit64 high = {before.rlim_max, before.rlim_max};
	if (before.rlim_cur < before.rlim_max)
		kernel_limit(&high, NULL);
	return before;
}

void limit_lower(struct rlimit64 before, bool child)
{
	if (child)
		before = kept_by(before);
	if (before.rlim_cur < before.rlim_max || child)
		kernel_limit(&before, NULL);
}

static void settle(void)
{
	struct rlimit64 now;
	if (kernel_limit(NULL, &now) < 0)
		return;
	now = kept_by(now);
	kernel_limit(&now, NULL);
	if (!process_is_guest())
		promised = RLIM64_INFINITY;
}

void limit_settle(void)
{
	if (promised == RLIM64_INFINITY)
		return;
	fork_exclude();
	settle();
	fork_admit();
}

/* What is lowered is kept; whether more may be had the kernel says, once it knows. */
static int change(const struct rlimit64 *new, struct rlimit64 *old)
{
	struct rlimit64 now, seen;
	if (kernel_limit(NULL, &now) < 0)
		return -1;
	seen = kept_by(now);
	if (old)
		*old = seen;
	if (!new)
		return 0;
	if (new->rlim_cur > new->rlim_max)
		return kernel_limit(new, NULL);
	if (new->rlim_max > seen.rlim_max) {
		settle();
		return kernel_limit(new, NULL);
	}
	promised = new->rlim_max;
	return kernel_limit(&(struct rlimit64){new->rlim_cur, now.rlim_max}, NULL);
}

/* Root needs no carrier's leave: the limit does not hold for it. */
static bool is_ours(pid_t pid, int resource)
{
	return resource == RLIMIT_NPROC && (pid == 0 || pid == process_id) &&
	       (promised != RLIM64_INFINITY || (geteuid() != 0 && rulebook_concerns())) &&
	       !process_is_guest();
}

static int ask(const struct rlimit64 *new, struct rlimit64 *old)
{
	fork_exclude();
	int result = change(new, old);
	fork_admit();
	return result;
}

DOOR int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *new,
                   struct rlimit64 *old)
{
	return is_ours(pid, resource) ? ask(new, old) : real.prlimit64(pid, resource, new, old);
}

DOOR int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *new,
                 struct rlimit *old)
{
	if (is_ours(pid, resource))
		return ask((const struct rlimit64 *)new, (struct rlimit64 *)old);
	return real.prlimit(pid, resource, new, old);
}

DOOR int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	if (is_ours(0, resource))
		return ask((const struct rlimit64 *)limit, NULL);
	return real.setrlimit(resource, limit);
}

DOOR int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	return is_ours(0, resource) ? ask(limit, NULL) : real.setrlimit64(resource, limit);
}

DOOR int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	if (is_ours(0, resource))
		return ask(NULL, (struct rlimit64 *)limit);
	return real.getrlimit(resource, limit);
}

DOOR int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *limit)
{
	return is_ours(0, resource) ? ask(NULL, limit) : real.getrlimit64(resource, limit);
}
