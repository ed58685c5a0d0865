/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fork(2) means for sessions: both processes hold them. */
#include "shim/life/fork.h"

#include "shim/life/carrier.h"
#include "shim/life/door.h"
#include "shim/life/exec.h"
#include "shim/life/interest.h"
#include "shim/life/limit.h"

#include "shim/base/arena.h"
#include "shim/base/guard.h"
#include "shim/base/kernel.h"
#include "shim/base/names.h"
#include "shim/base/process.h"
#include "shim/base/root.h"
#include "shim/base/table.h"
#include "shim/registry/writer.h"
#include "shim/session/pending.h"
#include "shim/session/registration.h"
#include "shim/session/rulebook.h"
#include "shim/session/session.h"
#include "shim/tls/gate.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The child's hold has to be there before either side can close: were it taken by the child, the
 * parent of an accept-and-fork server could be the last to close before it, and say goodbye.
 *
 * Other threads go on meanwhile, and the kernel copies descriptors first, then memory.  So what the
 * table says in the child need not be what the child has: it looks again, by what was there before.
 * A session that was made since is there without a hold, and so is one that this very thread is
 * in, where a signal handler forks: whoever waited for its lock in the child might be waited for by
 * the handler.  The child takes such numbers out of service.
 */
static uint8_t held[ARENA_SLOTS]; /* 1 held for this fork, 2 claimed */
/* The child's name until it has a pid; no other fork uses it. */
static __thread pid_t unborn;
static pthread_mutex_t forking = PTHREAD_MUTEX_INITIALIZER;
static uint32_t over;       /* one more when a fork is */
static __thread bool forks; /* this thread is in the middle of one */
/* Our caller will know the child's pid, or that there is none; and that is awaited. */
static __thread bool settles, unsettled;
static __thread unsigned excluding; /* calls of fork_exclude() that are not over */

static bool is_held(uint64_t entry)
{
	return table_is_session(entry) &&
	       __atomic_load_n(&held[table_slot(entry)], __ATOMIC_ACQUIRE);
}

static void mark(uint64_t entry, uint8_t how)
{
	if (table_is_session(entry))
		__atomic_store_n(&held[table_slot(entry)], how, __ATOMIC_SEQ_CST);
}

/* Of those that there were before. */
static void each_session(void (*visit)(int fd, uint64_t entry))
{
	for (int fd = 0; fd < table_end(); fd++)
		if (table_is_session(table_remembered(fd)))
			visit(fd, table_remembered(fd));
}

/* Either this sees that the number is gone, or who takes it away sees the mark. */
static void hold(int fd, uint64_t entry)
{
	if (is_held(entry))
		return;
	mark(entry, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (table_get(fd) != entry || !session_hold(entry, unborn))
		mark(entry, 0);
}

static void forget(int fd, uint64_t entry)
{
	(void)fd;
	mark(entry, 0);
}

static void claim(int fd, uint64_t entry)
{
	(void)fd;
	if (held[table_slot(entry)] != 1)
		return;
	session_claim(entry, unborn, process_id);
	mark(entry, 2);
}

/* Of one that is held, without its lock: see session_claim(). */
static bool names(int fd, uint64_t entry)
{
	return session_is_socket(session_at(entry), fd);
}

/* What was closed behind the kernel's back is there, and what was opened is not. */
static void look_again(int fd)
{
	uint64_t was = table_remembered(fd), now = table_get(fd);
	if (now == TABLE_OWN || now == TABLE_CARRIED)
		return;
	if (now != was && is_held(was) && names(fd, was))
		table_swap(fd, was);
	else if (table_is_session(now) ? !is_held(now) || !names(fd, now)
	                         : now != was || now == TABLE_CLOSING)
		table_swap(fd, !kernel_is_tcp(fd) ? 0
		               : (now | was) & 1 ? TABLE_REFUSED : now);
}

static void give_back(int fd, uint64_t entry)
{
	(void)fd;
	if (is_held(entry) && !table_names(table_slot(entry)))
		session_drop(entry, -1, false);
	mark(entry, 0);
}

static void tell_over(void)
{
	__atomic_add_fetch(&over, 1, __ATOMIC_RELEASE);
	kernel_wake(&over);
}

static void end(void)
{
	forks = unsettled = false;
	each_session(forget);
	tell_over();
	fork_admit();
}

void fork_exclude(void)
{
	if (unsettled) /* a handler of the program, behind ours */
		end();
	if (excluding++)
		return;
	guard_enter();
	pthread_mutex_lock(&forking);
}

void fork_admit(void)
{
	if (--excluding)
		return;
	pthread_mutex_unlock(&forking);
	guard_leave();
}

static void begin(void)
{
	static unsigned count;
	fork_exclude();
	unborn = -(pid_t)((unsigned)process_id << 9 | ++count % 512);
}

/* The order in which they are taken anywhere. */
static void lock(void)
{
	rulebook_lock();
	pending_lock();
	names_lock();
	registration_lock();
	gate_close();
}

static void unlock(void)
{
	registration_unlock();
	names_unlock();
	pending_unlock();
	rulebook_unlock();
}

static void before(void)
{
	carrier_take_postponed();
	begin();
	forks = true;
	table_remember();
	each_session(hold);
	lock();
}

static void in_parent(void)
{
	gate_open();
	unlock();
	unsettled = settles;
	settles = false;
	if (!unsettled)
		end();
}

static void in_child(void)
{
	forks = settles = false;
	process_begin();
	table_forked();
	session_forked();
	descriptor_forked();
	gate_renew();
	unlock();
	exec_forked();
	interest_forked();
	each_session(claim);
	for (int fd = 0; fd < table_end(); fd++)
		look_again(fd);
	each_session(give_back);
	registry_forked();
	fork_admit();
}

static void unhold(int fd, uint64_t entry)
{
	(void)fd;
	if (is_held(entry))
		session_unhold(entry, unborn);
	mark(entry, 0);
}

static pid_t child;

static void claim_for_child(int fd, uint64_t entry)
{
	(void)fd;
	if (is_held(entry))
		session_claim(entry, unborn, child);
	mark(entry, 0);
}

/* What only the caller of fork knows: that it failed, or the child's pid, should that die before it
 * can say.  One in a pid namespace of its own will not know it by that, and is only counted. */
static pid_t settle(pid_t pid, bool elsewhere)
{
	if (pid == 0 || !unsettled)
		return pid;
	int saved = errno;
	child = elsewhere ? 0 : pid;
	each_session(pid < 0 ? unhold : claim_for_child);
	end();
	errno = saved;
	return pid;
}

/*
 * Whether the child has it depends on who is first, the kernel or the close: so the close waits,
 * and the child has it.  Not for ever, for the fork may be waiting for the thread that closes (in
 * a handler of the program).
 */
enum { PATIENCE = 10 }; /* seconds */

void fork_await(uint64_t entry)
{
	int64_t limit = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while (is_held(entry) && !forks) {
		uint32_t turn = __atomic_load_n(&over, __ATOMIC_ACQUIRE);
		int64_t now = kernel_now();
		limit = limit ? limit : now + PATIENCE * INT64_C(1000000000);
		if (now >= limit)
			break;
		if (is_held(entry))
			kernel_wait(&over, turn, limit - now);
	}
}

/* The handlers do the work, for libc forks by itself, too (daemon(3)). */
DOOR pid_t fork(void)
{
	settles = true;
	return settle(real.fork(), false);
}

/* ---- forks that run no handlers -------------------------------------------------------------- */

static pid_t forked(pid_t pid, const struct process_thread *thread, bool elsewhere)
{
	int saved = errno;
	if (pid == 0 && thread)
		process_renew_thread(thread);
	settles = true;
	if (pid == 0)
		in_child();
	else
		in_parent();
	errno = saved;
	return settle(pid, elsewhere);
}

DOOR pid_t _Fork(void)
{
	if (!real._Fork) {
		errno = ENOSYS;
		return -1;
	}
	before();
	return forked(real._Fork(), NULL, false);
}

/*
 * Its child has a memory of its own, and descriptors, and the thread that it is in is libc's.  A
 * parent's thread that waits for it (CLONE_VFORK) would do so with our locks.
 */
static bool is_fork(uint64_t flags)
{
	return !(flags & (CLONE_VM | CLONE_FILES | CLONE_SETTLS | CLONE_VFORK));
}

struct start {
	int (*run)(void *);
	void *argument;
	struct process_thread thread;
};

static int start(void *argument)
{
	struct start *s = argument;
	forked(0, &s->thread, false);
	_exit(s->run(s->argument)); /* libc's own end of it is no door */
}

DOOR int clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
	struct start s = {run, argument, {0}};
	va_list more;
	va_start(more, argument);
	void *parent_tid = va_arg(more, void *), *tls = va_arg(more, void *);
	void *child_tid = va_arg(more, void *);
	va_end(more);
	if (!run || !stack || !is_fork((unsigned)flags) || !process_note_thread(&s.thread))
		return real.clone(run, stack, flags, argument, parent_tid, tls, child_tid);
	before();
	int pid = real.clone(start, stack, flags, &s, parent_tid, tls, child_tid);
	return forked(pid, NULL, flags & CLONE_NEWPID);
}

long fork_by_number(long number, const long *a)
{
	struct process_thread thread;
	uint64_t flags = number == SYS_clone ? (uint64_t)a[0] : 0;
	if (number == SYS_clone3 && a[0])
		flags = ((const struct clone_args *)a[0])->flags;
	bool fork = is_fork(flags) && process_note_thread(&thread);
	if (fork)
		before();
	long pid = real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return fork ? forked((pid_t)pid, &thread, flags & CLONE_NEWPID) : pid;
}

/* ---- a child that nobody waits for ----------------------------------------------------------- */

struct hidden {
	uint64_t entry;
	int socket, other;
	void (*work)(void *link);
	void *link;
	pid_t *kept; /* where it is our own child, else NULL */
	struct process_thread thread;
	struct rlimit64 limit;
	pid_t pid; /* or -errno */
};

/*
 * An orphan goes to process 1, or to a subreaper (prctl(2)).  Where that is the program itself it
 * would have a SIGCHLD and a child that wait(2) tells of, or a zombie, for each.  There the child
 * stays ours: of another kind than wait(2) looks for (__WCLONE), without a signal, and taken away
 * by us when the next one is made.
 */
enum { KEPT = 512 };
static pid_t kept[KEPT];

/* Whoever was forked by such a process has it above. */
static bool orphans_return(void)
{
	static bool seen;
	int subreaper = 0;
	if (!seen)
		seen = getpid() == 1 ||
		       (prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper);
	return seen;
}

/* How many are left.  What our parent kept is none of ours. */
static unsigned take_away_kept(void)
{
	unsigned left = 0;
	int saved = errno;
	for (int i = 0; i < KEPT; i++) {
		if (kept[i] && waitpid(kept[i], NULL, __WCLONE | WNOHANG))
			kept[i] = 0;
		left += kept[i] != 0;
	}
	errno = saved;
	return left;
}

static pid_t *place_to_keep(struct process_thread *thread)
{
	if (process_is_guest() || !orphans_return() || !process_note_thread(thread) ||
	    take_away_kept() == KEPT)
		return NULL;
	pid_t *place = kept;
	while (*place)
		place++;
	return place;
}

/*
 * ThreadSanitizer takes every clone for a fork, also one that shares the memory, but not by this
 * name; and it does not know _Fork, in whose child its own locks would stay as they were.
 */
extern int __clone(int (*run)(void *), void *stack, int flags, void *argument, ...);
#ifdef __SANITIZE_THREAD__
void __sanitizer_syscall_pre_impl_fork(void);
void __sanitizer_syscall_post_impl_fork(long result);
#else
#define __sanitizer_syscall_pre_impl_fork()
#define __sanitizer_syscall_post_impl_fork(result)
#endif

/* What only this one session is for: nobody here uses the numbers that the parent has. */
static void forget_others(uint64_t entry)
{
	for (int fd = 0; fd < table_end(); fd++)
		if (table_get(fd) && table_get(fd) != TABLE_OWN)
			table_swap(fd, 0);
	session_claim(entry, unborn, process_id);
	mark(entry, 0);
}

static void close_stretch(int first, int last)
{
	if (first > last || (real.close_range && real.close_range(first, last, 0) == 0))
		return;
	long end = sysconf(_SC_OPEN_MAX);
	for (int fd = first; fd <= last && fd < end; fd++)
		real.close(fd);
}

static void close_others(int a, int b)
{
	int from = 0, end = process_lowest_own() + 32;
	for (int fd = 0; fd <= a || fd <= b || fd < end; fd++) {
		if (fd != a && fd != b && !registry_owns(fd) && !root_owns(fd))
			continue;
		close_stretch(from, fd - 1);
		from = fd + 1;
	}
	close_stretch(from, INT32_MAX);
}

/*
 * On the parent's memory but a stack of its own, while the parent's thread stands still
 * (clone(2), CLONE_VFORK).  It ends at once, and with that its child is an orphan; its own end
 * makes no SIGCHLD, for clone was told none.  Descriptors it has of its own, and closes them first:
 * when the parent goes on, what it closes is closed, a listening socket for instance.
 */
static int between(void *argument)
{
	struct hidden *h = argument;
	close_others(h->socket, h->other);
	__sanitizer_syscall_pre_impl_fork();
	pid_t pid = h->kept ? (pid_t)real.syscall(SYS_clone, CLONE_PARENT, 0, 0, 0, 0)
	                    : real._Fork();
	__sanitizer_syscall_post_impl_fork(pid);
	if (pid)
		h->pid = pid < 0 ? -errno : pid;
	if (pid)
		return 0;
	if (h->kept)
		process_renew_thread(&h->thread);
	process_begin();
	limit_lower(h->limit, true);
	table_forked();
	session_forked();
	descriptor_forked();
	gate_renew();
	unlock();
	forget_others(h->entry);
	registry_forked();
	pthread_mutex_unlock(&forking); /* the guard stays: signals are the program's */
	excluding = 0;
	h->work(h->link);
	real.syscall(SYS_exit_group, 0);
	return 0;
}

pid_t fork_hidden(uint64_t entry, int socket, int other, void (*work)(void *link), void *link)
{
	struct hidden h = {entry, socket, other, work, link, .pid = -EBADF};
	if (!real._Fork)
		return -ENOSYS;
	enum { STACK = 256 * 1024 };
	int saved = errno;
	uint8_t *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -ENOMEM;
	begin();
	h.kept = place_to_keep(&h.thread);
	mark(entry, 1);
	if (session_hold(entry, unborn)) {
		lock();
		h.limit = limit_lift();
		pid_t middle = __clone(between, stack + STACK, CLONE_VM | CLONE_VFORK, &h);
		if (middle < 0)
			h.pid = -errno;
		else
			while (waitpid(middle, NULL, __WCLONE) < 0 && errno == EINTR)
				;
		limit_lower(h.limit, false);
		gate_open();
		unlock();
		if (h.pid < 0)
			session_unhold(entry, unborn);
		else if (h.kept)
			*h.kept = h.pid;
	}
	mark(entry, 0);
	tell_over();
	fork_admit();
	munmap(stack, STACK);
	errno = saved;
	return h.pid;
}

bool fork_keeps_hidden(void)
{
	return take_away_kept();
}

void fork_await_hidden(int64_t deadline)
{
	int saved = errno;
	for (int i = 0; i < KEPT; i++) {
		struct pollfd p = {.events = POLLIN};
		int64_t left = deadline - kernel_now();
		if (!kept[i] || left <= 0)
			continue;
		p.fd = (int)real.syscall(SYS_pidfd_open, kept[i], 0);
		if (p.fd < 0)
			continue;
		real.poll(&p, 1, (int)(left / 1000000));
		real.close(p.fd);
	}
	errno = saved;
}

void fork_start(void)
{
	pthread_atfork(before, in_parent, in_child);
}
