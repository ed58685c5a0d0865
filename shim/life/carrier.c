/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hidden children that carry a session when the program cannot do it itself. */
#include "shim/life/carrier.h"

#include "shim/base/kernel.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/base/real.h"
#include "shim/base/table.h"
#include "shim/life/descriptor.h"
#include "shim/life/door.h"
#include "shim/life/exec.h"
#include "shim/life/fork.h"
#include "shim/life/interest.h"
#include "shim/life/order.h"
#include "shim/life/relay.h"
#include "shim/life/standin.h"
#include "shim/registry/writer.h"
#include "shim/session/block.h"
#include "shim/session/pending.h"
#include "shim/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct cargo {
	int tcp;
	int host; /* -1: nothing comes any more, what is there has to leave */
	uint64_t entry;
	bool writes; /* only, see carrier_for_copy() */
	int place;   /* see order_enroll() */
};

static bool am_carrier;
static char *title;
static size_t title_size;

void carrier_start(int argc, char **argv)
{
	if (argc <= 0)
		return;
	title = argv[0];
	title_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
}

/* ---- in the carrier -------------------------------------------------------------------------- */

static void keep(const struct cargo *cargo)
{
	table_swap(cargo->tcp, cargo->entry);
	if (session_is_pending(cargo->entry))
		pending_add(cargo->tcp, cargo->entry);
}

static void hide(const struct cargo *cargo)
{
	am_carrier = true;
	setsid();
	(void)!chdir("/");
	prctl(PR_SET_NAME, "sleeve-carrier");
	if (title && title_size >= sizeof "sleeve-carrier") {
		memset(title, 0, title_size);
		memcpy(title, "sleeve-carrier", sizeof "sleeve-carrier");
	}
	keep(cargo);
}

static void become_carrier(const struct cargo *cargo)
{
	hide(cargo);
	struct session *s = session_enter(cargo->entry);
	if (!s)
		return;
	registry_carried(s->registry, getpid());
	session_leave(s);
}

/* The program may hold it still; what is there is ours to bring out, and then the end. */
static void bring_out(const struct cargo *cargo)
{
	block_handshake(cargo->tcp, cargo->entry);
	relay_end(cargo->tcp, cargo->entry);
}

static void carry(void *link)
{
	struct cargo cargo = *(struct cargo *)link;
	become_carrier(&cargo);
	if (cargo.host >= 0)
		relay_run(cargo.tcp, cargo.entry, cargo.host, cargo.place, cargo.writes);
	else
		bring_out(&cargo);
}

/* The end of the exec: a byte says that it has failed. */
static void linger(void *link)
{
	struct cargo cargo = *(struct cargo *)link;
	hide(&cargo);
	struct pollfd p = {.fd = cargo.host, .events = POLLIN};
	real.poll(&p, 1, -1);
	char failed;
	if (kernel_recv(cargo.host, &failed, sizeof failed, MSG_PEEK) > 0)
		descriptor_ending(cargo.tcp);
	else
		bring_out(&cargo);
}

/* ---- in the program -------------------------------------------------------------------------- */

/* What the program has set for the socket and expects of whatever has its number. */
static void copy_settings(int from, int to)
{
	static const int limits[] = {SO_RCVTIMEO, SO_SNDTIMEO};
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct timeval limit;
		socklen_t length = sizeof limit;
		if (getsockopt(from, SOL_SOCKET, limits[i], &limit, &length) == 0)
			real.setsockopt(to, SOL_SOCKET, limits[i], &limit, length);
	}
	real.fcntl(to, F_SETFL, (long)(real.fcntl(from, F_GETFL) & (O_NONBLOCK | O_APPEND)));
}

static void put(int unix_socket, int number, bool closes)
{
	real.dup3(unix_socket, number, closes ? O_CLOEXEC : 0);
}

static void replace(int fd, uint64_t entry, int unix_socket, bool writes)
{
	if (process_is_guest()) {
		put(unix_socket, fd, exec_closes(fd));
		return;
	}
	for (int number = 0; number < table_end(); number++) {
		if (table_get(number) != entry)
			continue;
		bool closes = exec_closes(number);
		if (!descriptor_replacing(number, entry))
			continue;
		struct interest interest;
		interest_leave(&interest, number, entry);
		put(unix_socket, number, closes);
		interest_join(&interest, number);
		descriptor_replaced(number);
		if (writes)
			table_change(number, 0, TABLE_CARRIED);
	}
}

/* A connection under way has no peer yet; whom it was asked for is in the registry. */
static void name_end(int carrier_end, int fd, uint64_t entry)
{
	struct standin a = {
		.local_length = sizeof a.local, .remote_length = sizeof a.remote, .entry = entry,
	};
	if (real.getsockname(fd, (struct sockaddr *)&a.local, &a.local_length) < 0)
		return;
	if (real.getpeername(fd, (struct sockaddr *)&a.remote, &a.remote_length) < 0) {
		struct session *s = session_enter(entry);
		if (!s)
			return;
		session_remote(s, &a.remote);
		session_leave(s);
	}
	standin_name(carrier_end, &a);
}

/* A child that another thread forks in the middle of it would have both ends open. */
static bool take_over_alone(int fd, uint64_t entry, bool writes)
{
	int pair[2];
	if (real.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	struct cargo cargo = {fd, pair[1], entry, writes, order_enroll(entry)};
	name_end(pair[1], fd, entry);
	relay_make_room(pair[0]);
	int error = ENOBUFS;
	if (kernel_send(pair[0], "", RELAY_TOKEN, 0) == RELAY_TOKEN) {
		pid_t pid = fork_hidden(entry, cargo.tcp, cargo.host, carry, &cargo);
		error = pid < 0 ? -pid : 0;
	}
	real.close(pair[1]);
	if (!error) {
		copy_settings(fd, pair[0]);
		replace(fd, entry, pair[0], writes);
	} else {
		order_dismiss(entry, cargo.place);
	}
	real.close(pair[0]);
	errno = error ? error : errno;
	return !error;
}

/* Another thread may have done it before. */
static bool take_over(int fd, uint64_t entry, bool writes)
{
	order_await(fd, entry, false);
	fork_exclude();
	bool done = (!process_is_guest() && table_get(fd) != entry) ||
	            take_over_alone(fd, entry, writes);
	fork_admit();
	return done;
}

/* In a vfork child the table, which is the parent's, does not know what the child has put there: a
 * carrier's socket, or a file. */
static bool is_another(int fd, uint64_t entry)
{
	return process_is_guest() && !descriptor_is(fd, entry);
}

static enum policy_engine engine_of(uint64_t entry)
{
	struct session *s = session_enter(entry);
	enum policy_engine engine = s ? s->peer.rule->engine : POLICY_ENGINE_AUTO;
	if (s)
		session_leave(s);
	return engine;
}

bool carrier_if_due(int fd)
{
	uint64_t entry = table_session(fd);
	if (!entry || (fd > STDERR_FILENO && engine_of(entry) != POLICY_ENGINE_CARRIER))
		return true;
	return carrier_wanted(fd, fd <= STDERR_FILENO ? "the number of a standard stream"
	                                              : "engine = \"carrier\"");
}

static bool postponed; /* is there one? */

void carrier_postpone(int fd)
{
	if (engine_of(table_session(fd)) == POLICY_ENGINE_CARRIER)
		__atomic_store_n(&postponed, true, __ATOMIC_RELAXED);
}

static bool take_if_connected(int fd)
{
	uint64_t entry = table_get(fd);
	if (!table_is_session(entry) || engine_of(entry) != POLICY_ENGINE_CARRIER ||
	    session_has_others(entry))
		return true;
	if (kernel_connected(fd))
		return carrier_if_due(fd);
	carrier_postpone(fd);
	return true;
}

static bool any_postponed(void)
{
	return __atomic_load_n(&postponed, __ATOMIC_RELAXED) && !process_is_guest();
}

bool carrier_if_connected(int fd)
{
	return !any_postponed() || take_if_connected(fd);
}

void carrier_take_postponed(void)
{
	if (!any_postponed())
		return;
	int saved = errno, end = table_end();
	__atomic_store_n(&postponed, false, __ATOMIC_RELAXED);
	for (int fd = 0; fd < end; fd++)
		take_if_connected(fd);
	errno = saved;
}

static bool carried(int fd, uint64_t entry, const char *what, bool writes)
{
	bool inline_only = engine_of(entry) == POLICY_ENGINE_INLINE;
	if (!inline_only && take_over(fd, entry, writes))
		return true;
	int error = inline_only ? EPERM : errno;
	struct session *s = session_enter(entry);
	if (s) {
		char peer[128], why[64];
		session_describe(s, peer, sizeof peer);
		registry_verdict(s->registry, (enum registry_verdict)s->registry->verdict,
		                 REGISTRY_CARRIER_NEEDED);
		session_leave(s);
		log_say(LOG_LEVEL_ERROR, "connection with %s: %s is refused, since it would bypass "
		        "TLS and no carrier %s%s", peer, what,
		        inline_only ? "may be used (engine = \"inline\")" : "can be started: ",
		        inline_only ? "" : strerror_r(error, why, sizeof why));
	}
	errno = error;
	return false;
}

static bool wanted(int fd, const char *what, bool writes)
{
	uint64_t entry = door_session(fd);
	return !entry || is_another(fd, entry) || carried(fd, entry, what, writes);
}

bool carrier_wanted(int fd, const char *what)
{
	return wanted(fd, what, false);
}

bool carrier_for_copy(int fd, int to)
{
	uint64_t entry = table_get(fd);
	bool session = (entry & 1) && !is_another(fd, entry);
	if (to == STDIN_FILENO && !session && entry & (TABLE_CARRIED | 1))
		carrier_read_from(fd);
	if (!session)
		return true;
	bool writes = (to == STDOUT_FILENO || to == STDERR_FILENO) && session_has_others(entry);
	return wanted(fd, "a copy onto a standard stream", writes);
}

bool carrier_for_guest(int fd)
{
	uint64_t entry = table_session(fd);
	return !entry || !process_is_guest() || !session_has_others(entry) ||
	       carrier_wanted(fd, "a copy that is none of this program's");
}

bool carrier_for_guests_own(int fd, uint64_t entry)
{
	bool done = carried(fd, entry, "a connection of a vfork child", false);
	session_drop(entry, done ? -1 : fd, false); /* fd is the unix socket now */
	return done;
}

void carrier_for_exec(int fd, bool given)
{
	uint64_t entry = table_session(fd);
	bool shared = !given && session_has_others(entry);
	if (!shared && engine_of(entry) != POLICY_ENGINE_INLINE)
		wanted(fd, "handing it to another program", false);
	struct session *s = log_wants(LOG_LEVEL_INFO) ? session_enter(table_session(fd)) : NULL;
	if (!s)
		return;
	char peer[128];
	session_describe(s, peer, sizeof peer);
	session_leave(s);
	log_say(LOG_LEVEL_INFO, "connection with %s: descriptor %d is closed by exec, since %s",
	        peer, fd, shared ? "other processes have it (engine = \"carrier\" would keep it)"
	                         : "it may not be carried");
}

uint64_t carrier_read_from(int fd)
{
	struct standin a;
	int saved = errno;
	if (!process_is_guest())
		table_change(fd, TABLE_CARRIED, 0);
	if (standin_is(fd, &a) && a.entry)
		session_ask_reading(a.entry, a.carrier);
	errno = saved;
	return 0;
}

/* Since glibc 2.32. */
extern char __libc_single_threaded __attribute__((weak));

static void flush_free(FILE *stream)
{
	if (ftrylockfile(stream))
		return;
	fflush_unlocked(stream);
	funlockfile(stream);
}

/* A stream that another thread waits in is locked for as long as that does. */
static void flush_streams(void)
{
	if (&__libc_single_threaded && __libc_single_threaded)
		fflush(NULL);
	flush_free(stdout);
	flush_free(stderr);
}

void carrier_last_exit(bool flushes)
{
	enum { PATIENCE = 10 };
	if (getpid() != 1 || !fork_keeps_hidden())
		return;
	if (flushes)
		flush_streams();
	int end = table_end() > process_lowest_own() ? table_end() : process_lowest_own();
	for (int fd = end; fd >= 0; fd--)
		if (standin_is(fd, NULL))
			real.close(fd);
	fork_await_hidden(kernel_now() + PATIENCE * 1000000000LL);
}

bool carrier_linger(int fd, uint64_t entry, int end)
{
	struct cargo cargo = {fd, end, entry, false, -1};
	return fork_hidden(entry, fd, end, linger, &cargo) > 0;
}

/*
 * Whoever connects to us and says nothing costs a process until its time is up, and so does whom we
 * connect to and ask for nothing.
 */
enum { STRANGERS = 128 };
static pid_t strangers[STRANGERS];

/* NULL: all are taken. */
static pid_t *place_for_stranger(void)
{
	for (int i = 0; i < STRANGERS; i++) {
		pid_t pid = __atomic_load_n(&strangers[i], __ATOMIC_RELAXED);
		if (!pid || !kernel_lives(pid))
			return &strangers[i];
	}
	return NULL;
}

/* peer: who it is, in words. */
static bool is_stranger(uint64_t entry, char *peer, size_t size)
{
	struct session *s = session_enter(entry);
	bool stranger = s && !session_is_up(s) &&
	                (s->peer.rule->side == POLICY_ACCEPT || !s->early_end);
	if (stranger)
		session_describe(s, peer, size);
	if (s)
		session_leave(s);
	return stranger;
}

bool carrier_drain(int fd, uint64_t entry)
{
	if (am_carrier)
		return false;
	char peer[128];
	bool stranger = is_stranger(entry, peer, sizeof peer);
	pid_t *place = stranger ? place_for_stranger() : NULL;
	if (stranger && !place) {
		log_say(LOG_LEVEL_WARN, "connection with %s: ends without a goodbye, since %d were "
		        "closed before their handshakes and wait for their peers", peer, STRANGERS);
		return true;
	}
	struct cargo cargo = {fd, -1, entry, false, -1};
	pid_t pid = fork_hidden(entry, cargo.tcp, cargo.host, carry, &cargo);
	if (place && pid > 0)
		__atomic_store_n(place, pid, __ATOMIC_RELAXED);
	if (pid > 0)
		interest_end(fd);
	return pid > 0;
}
