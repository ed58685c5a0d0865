/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process this is. */
#include "shim/base/process.h"

#include "shim/base/real.h"
#include "shim/base/table.h"

#include <linux/futex.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t process_id;
bool process_elsewhere;
__thread bool process_had_guest;

/* A page that a fork empties (madvise(2), MADV_WIPEONFORK), a vfork does not. */
static uint8_t *witness;

void process_begin(void)
{
	if (process_id && !getppid()) /* who forked it has no pid here */
		process_elsewhere = true;
	process_id = getpid();
	if (!witness) {
		void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		                  -1, 0);
		witness = page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK) ? NULL : page;
	}
	if (witness)
		*witness = 1;
}

/* libc keeps the id for itself, but has told the kernel where (set_tid_address(2)). */
bool process_note_thread(struct process_thread *t)
{
	return prctl(PR_GET_TID_ADDRESS, &t->id) == 0 && t->id &&
	       *t->id == real.syscall(SYS_gettid) &&
	       real.syscall(SYS_get_robust_list, 0, &t->locks, &t->locks_size) == 0 && t->locks;
}

void process_renew_thread(const struct process_thread *t)
{
	int *told = NULL;
	*t->id = (int)real.syscall(SYS_gettid);
	if (prctl(PR_GET_TID_ADDRESS, &told) == 0 && !told)
		real.syscall(SYS_set_tid_address, t->id);
	t->locks->list.next = &t->locks->list; /* what the thread held is its parent's */
	real.syscall(SYS_set_robust_list, t->locks, t->locks_size);
}

/* A child that our handlers have not seen: its copies of sessions are nobody's. */
static void become_owner(void)
{
	process_begin();
	for (int fd = 0; fd < table_end(); fd++)
		if (table_session(fd) && table_get(fd) != TABLE_OWN)
			table_swap(fd, TABLE_REFUSED);
}

bool process_is_guest(void)
{
	bool owns = getpid() == process_id;
	if (!owns && witness && !*witness) {
		become_owner();
		owns = true;
	}
	process_had_guest = !owns;
	return !owns;
}

int process_lowest_own(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= 1024)
		return 1000;
	return limit.rlim_cur > 32 ? (int)limit.rlim_cur - 16 : 3;
}
