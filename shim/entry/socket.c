/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of the socket family. */
#include "shim/life/door.h"

#include "shim/base/kernel.h"
#include "shim/life/birth.h"
#include "shim/life/carrier.h"
#include "shim/life/order.h"
#include "shim/life/relay.h"
#include "shim/life/standin.h"
#include "shim/session/pending.h"
#include "shim/session/rulebook.h"
#include "shim/session/session.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static bool makes_tcp(int domain, int type, int protocol)
{
	return (domain == AF_INET || domain == AF_INET6) &&
	       (type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) == SOCK_STREAM &&
	       (!protocol || kernel_is_tcp_protocol(protocol));
}

DOOR int socket(int domain, int type, int protocol)
{
	int fd = real.socket(domain, type, protocol);
	descriptor_created(fd);
	if (fd >= 0 && makes_tcp(domain, type, protocol))
		unconnected_note(fd);
	return fd;
}

DOOR int socketpair(int domain, int type, int protocol, int sv[2])
{
	int result = real.socketpair(domain, type, protocol, sv);
	if (result == 0) {
		descriptor_created(sv[0]);
		descriptor_created(sv[1]);
	}
	return result;
}

/* ---- connect --------------------------------------------------------------------------------- */

/* Sends the ClientHello if TCP is there; waits for the peer's proof where the rule says so. */
static int greet(int fd, bool wait)
{
	uint64_t entry = table_session(fd);
	struct session *s = entry ? session_enter_by(fd, entry) : NULL;
	if (!s)
		return 0;
	bool verified = s->peer.rule->verified_connect, to_self = s->to_self;
	session_advance(s, fd);
	session_leave(s);
	if (!wait || kernel_nonblocking(fd))
		return 0;
	if (!verified) {
		block_greeting(fd, entry, to_self);
		return 0;
	}
	ssize_t outcome = block_handshake(fd, entry);
	if (outcome == OUTCOME_RESET)
		outcome = OUTCOME_ERRNO - ECONNREFUSED;
	return (int)outcome_report(outcome, true);
}

/* Is there a connection, or one under way, though connect(2) failed?  A listening socket, too, says
 * EISCONN. */
static bool goes_on(int fd, int error)
{
	return error == EINPROGRESS || error == EINTR || error == EALREADY ||
	       (error == EISCONN && !kernel_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 0));
}

/* What has no carrier though it should have is of no use; errno says why. */
static bool shut_unless(bool carried, int fd)
{
	int error = errno;
	if (!carried)
		shutdown(fd, SHUT_RDWR);
	errno = error;
	return carried;
}

/*
 * Under a rule that asks for TLS the session is there before TCP is: another thread may be woken by
 * the connection and write before this call is over.  TCP_FASTOPEN_CONNECT would make connect
 * succeed without a connection.
 */
static int connect_tls(struct birth *birth, int fd, const struct sockaddr *address,
                       socklen_t length)
{
	kernel_set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0);
	uint64_t mark = table_get(fd);
	if (!birth_settle(birth, fd))
		return (int)outcome_report(OUTCOME_ERRNO - EPERM, true);
	bool streams = unconnected_names(fd, mark, table_get(fd));
	int result = real.connect(fd, address, length);
	int error = errno;
	if (result < 0 && !goes_on(fd, error)) {
		unconnected_again(fd, streams);
		errno = error;
		return result;
	}
	struct sockaddr_storage local;
	socklen_t size = sizeof local;
	bool known = real.getsockname(fd, (struct sockaddr *)&local, &size) == 0;
	session_connected(fd, table_session(fd), known ? (struct sockaddr *)&local : NULL);
	errno = error;
	if (result == 0)
		result = greet(fd, true);
	else if (error != EINPROGRESS && error != EINTR)
		return result;
	error = errno;
	if (result < 0 && fd > STDERR_FILENO && !streams)
		carrier_postpone(fd);
	else if (!shut_unless(streams ? carrier_wanted(fd, "a stdio stream")
	                              : carrier_if_due(fd), fd))
		return -1;
	errno = error;
	return result;
}

/* A vfork child's: nobody else has the number, and a carrier has the session before it is used. */
static int connect_as_guest(struct birth *birth, int fd, const struct sockaddr *address,
                            socklen_t length)
{
	kernel_set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0);
	int result = real.connect(fd, address, length), error = errno;
	if (result < 0 && error != EINPROGRESS && error != EINTR) {
		birth_abandoned(birth);
	} else if (!birth_settle(birth, fd)) {
		real.shutdown(fd, SHUT_RDWR);
		return (int)outcome_report(OUTCOME_ERRNO - EPERM, true);
	}
	errno = error;
	return result;
}

static int connect_tcp(int fd, const struct sockaddr *address, socklen_t length)
{
	int saved = errno;
	struct birth birth;
	uint8_t bytes[16];
	uint16_t port;
	if (!policy_address(address, length, bytes, &port)) /* too short to be one */
		return (int)outcome_report(OUTCOME_ERRNO - EINVAL, true);
	birth_ask_connect(&birth, fd, address, length);
	if (birth.refused)
		return (int)outcome_report(OUTCOME_ERRNO - EPERM, true);
	errno = saved;
	if (birth.verdict.mode != POLICY_PLAINTEXT && process_is_guest())
		return connect_as_guest(&birth, fd, address, length);
	if (birth.verdict.mode != POLICY_PLAINTEXT)
		return connect_tls(&birth, fd, address, length);
	int result = real.connect(fd, address, length);
	int error = errno;
	if (result < 0 && error != EINPROGRESS && error != EINTR)
		birth_abandoned(&birth);
	else
		birth_settle(&birth, fd);
	errno = error;
	return result;
}

/* connect(2), AF_UNSPEC: the kernel resets the connection; the socket may be used again. */
static int dissolve(int fd, uint64_t entry, const struct sockaddr *address, socklen_t length)
{
	int result = real.connect(fd, address, length);
	struct session *s = result == 0 && (entry & 1) ? session_enter_by(fd, entry) : NULL;
	if (s) {
		session_fail(s, fd, REGISTRY_RESET);
		session_leave(s);
	}
	if (result == 0)
		unconnected_again(fd, false);
	return result;
}

/* Whoever asks again whether a connection is there gets TCP's answer. */
static int connect_other(int fd, const struct sockaddr *address, socklen_t length)
{
	int result = real.connect(fd, address, length);
	if (result < 0 && errno == EINVAL && table_size && standin_is(fd, NULL))
		errno = EISCONN;
	return result;
}

static int connect_again(int fd, const struct sockaddr *address, socklen_t length)
{
	int result = real.connect(fd, address, length), saved = errno;
	if (!shut_unless(carrier_if_connected(fd), fd))
		return -1;
	errno = saved;
	return result;
}

DOOR int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	uint64_t entry = door_entry(fd);
	if (table_unconnected(entry))
		entry = unconnected_settle(fd);
	else if (entry == TABLE_CARRIED)
		entry = 0;
	if (!table_size || (!entry && !birth_is_tcp(fd, address)))
		return connect_other(fd, address, length);
	if (entry && address && address->sa_family == AF_UNSPEC)
		return dissolve(fd, entry, address, length);
	/* EISCONN, the end of a connect under way, or EALREADY. */
	if (entry && (kernel_connected(fd) || !kernel_poll(fd, POLLOUT)))
		return connect_again(fd, address, length);
	if (entry == TABLE_OWN || entry == TABLE_REFUSED || entry == TABLE_CLOSING)
		return (int)door_report(session_absent(fd, entry), true);
	if (entry)
		unconnected_again(fd, false); /* an earlier try came to nothing */
	return birth_is_tcp(fd, address) ? connect_tcp(fd, address, length)
	                                 : real.connect(fd, address, length);
}

/* ---- accept ---------------------------------------------------------------------------------- */

/* ECONNABORTED is what accept(2) says of a connection that went away: servers go on. */
static int settle(int fd, const struct sockaddr *remote, socklen_t length, int saved)
{
	descriptor_created(fd);
	if (!table_size || !birth_is_tcp(fd, remote)) {
		errno = saved;
		return fd;
	}
	if (birth_accepted(fd, remote, length) && carrier_if_due(fd)) {
		errno = saved;
		return fd;
	}
	close(fd);
	errno = ECONNABORTED;
	return -1;
}

DOOR int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
	struct sockaddr_storage remote;
	socklen_t size = sizeof remote;
	pending_expire();
	int saved = errno;
	if (pending_any() && outcome_report(block_beside(listener, true), true) < 0)
		return -1;
	int fd = real.accept4(listener, (struct sockaddr *)&remote, &size, flags);
	if (fd < 0)
		return fd;
	if (address && length) { /* accept(2): cut to the room there is, but with its full length */
		socklen_t room = *length < size ? *length : size;
		__builtin_memcpy(address, &remote, room);
		*length = size;
	}
	return settle(fd, (struct sockaddr *)&remote, size, saved);
}

DOOR int accept(int listener, struct sockaddr *address, socklen_t *length)
{
	return accept4(listener, address, length, 0);
}

/* See session_listening(): who connects to itself must not wait for itself. */
DOOR int listen(int fd, int backlog)
{
	int result = real.listen(fd, backlog);
	if (result == 0)
		unconnected_listens(fd);
	struct sockaddr_storage local;
	socklen_t length = sizeof local;
	uint8_t address[16];
	uint16_t port;
	if (result == 0 && table_size &&
	    real.getsockname(fd, (struct sockaddr *)&local, &length) == 0 &&
	    policy_address((struct sockaddr *)&local, length, address, &port))
		session_listening(port);
	return result;
}

/* ---- the rest -------------------------------------------------------------------------------- */

DOOR int shutdown(int fd, int how)
{
	uint64_t entry = table_session(fd);
	if (entry && how != SHUT_RD)
		order_await(fd, entry, true);
	struct session *s = entry ? session_enter_by(fd, entry) : NULL;
	if (!s)
		return real.shutdown(fd, how);
	bool writing = how == SHUT_WR || how == SHUT_RDWR;
	bool reading = how == SHUT_RD || how == SHUT_RDWR;
	bool connected = kernel_connected(fd) && (reading || writing);
	/* A handshake has to read until it is done, and shuts reading then. */
	bool opening = s->state <= SESSION_HANDSHAKING;
	s->read_shut |= connected && reading;
	/* In one call, as the program asked: between two, a poller would see half of it. */
	bool both = writing && reading &&
	            (s->state == SESSION_OPEN || s->state == SESSION_SHUT_READ);
	if (connected && writing)
		session_shut_write(s, fd, both ? SHUT_RDWR : SHUT_WR);
	int result = 0;
	if (connected && reading && !opening && (!both || s->shutdown_wanted))
		result = real.shutdown(fd, SHUT_RD);
	session_leave(s);
	return connected ? result : real.shutdown(fd, how);
}

/*
 * A failed handshake is what a program that looks here after EPOLLERR wants to know; but not that
 * the peer has closed, which TCP tells the reader.
 */
static int pending_error(int fd, uint64_t entry, int error)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return error;
	session_advance(s, fd);
	if (error == EPIPE && !session_is_up(s))
		error = 0; /* the answer to words of ours */
	if (error && session_is_up(s))
		s->kernel_error = error;
	else if (!error && !s->reset_told && session_broken(s))
		error = s->kernel_error;
	else if (!error && !s->reset_told && s->state == SESSION_FAILED &&
	         s->reason != REGISTRY_PEER_CLOSED)
		error = ECONNRESET;
	s->reset_told |= error != 0;
	session_leave(s);
	return error;
}

static int outcome_of_connect(int fd, uint64_t entry, int error)
{
	int saved = errno;
	error = pending_error(fd, entry, error);
	if (!error && !shut_unless(carrier_if_connected(fd), fd))
		error = errno;
	errno = saved;
	return error;
}

/*
 * A session's bytes are not those that the kernel has.  Options that would have it hand them out,
 * change them, or count them past us are answered as by a kernel that does not have them, which
 * programs are prepared for: 0 for any other.
 */
static int refusal(int level, int name)
{
	if (level == IPPROTO_TCP && name == TCP_ULP)
		return ENOENT;
	if (level == SOL_SOCKET && name == SO_ZEROCOPY)
		return ENOPROTOOPT; /* who has it waits for the kernel to give buffers back */
	return level == SOL_SOCKET && name == SO_PEEK_OFF ? EOPNOTSUPP : 0;
}

/* Set before there is a connection, or on a listener, an option is there when one is made. */
static bool may_be_session(int fd)
{
	uint64_t entry = table_get(fd);
	if (entry & 1)
		return true;
	if (!table_size || (entry && !table_unconnected(entry)) || !rulebook_concerns())
		return false;
	return kernel_is_tcp(fd) && !kernel_connected(fd);
}

/* While the handshake goes on the program's is kept back, and the kernel says another. */
static int lowat_of(int fd, uint64_t entry, int lowat)
{
	struct session *s = session_enter_by(fd, entry);
	if (!s)
		return lowat;
	if (s->lowat)
		lowat = s->lowat;
	session_leave(s);
	return lowat;
}

/* Options of TCP and IP change nothing that a carried connection's program could see. */
static bool is_carried_option(int fd, int level)
{
	return (errno == EOPNOTSUPP || errno == ENOPROTOOPT) &&
	       (level == IPPROTO_TCP || level == IPPROTO_IP || level == IPPROTO_IPV6) &&
	       standin_is(fd, NULL);
}

/* How TCP is doing is the carrier's to know; a program that asks takes "not at all" for the end of
 * the connection (Samba does, where its client has several). */
static bool carried_option(int fd, int name, void *value, socklen_t *length)
{
	int said = kernel_poll(fd, POLLRDHUP), at_once = 1;
	struct tcp_info info = {.tcpi_rto = 200000 /* Linux's least, us */};
	info.tcpi_state = said & POLLHUP     ? TCP_CLOSE
	                  : said & POLLRDHUP ? TCP_CLOSE_WAIT
	                                     : TCP_ESTABLISHED;
	const void *from = name == TCP_INFO ? (void *)&info : &at_once;
	socklen_t size = name == TCP_INFO ? sizeof info : sizeof at_once;
	if ((name != TCP_INFO && name != TCP_NODELAY) || !value || !length)
		return false;
	*length = *length < size ? *length : size;
	memcpy(value, from, *length);
	return true;
}

DOOR int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	uint64_t entry = table_session(fd);
	if (entry && level == IPPROTO_TCP && name == TCP_ZEROCOPY_RECEIVE)
		return (int)outcome_report(OUTCOME_ERRNO - ENOPROTOOPT, true);
	int saved = errno, result = real.getsockopt(fd, level, name, value, length);
	if (result < 0 && level == IPPROTO_TCP && table_size && is_carried_option(fd, level) &&
	    carried_option(fd, name, value, length)) {
		errno = saved;
		return 0;
	}
	if (result == 0 && entry && level == SOL_SOCKET && name == SO_ERROR &&
	    *length == sizeof(int))
		*(int *)value = outcome_of_connect(fd, entry, *(int *)value);
	if (result == 0 && entry && level == SOL_SOCKET && name == SO_RCVLOWAT &&
	    *length == sizeof(int))
		*(int *)value = lowat_of(fd, entry, *(int *)value);
	return result;
}

/* ---- what stands in for a carried connection ------------------------------------------------- */

/* Cut to the room there is, but with its full length, as getsockname(2) does. */
static void give(const struct sockaddr_storage *from, socklen_t size, struct sockaddr *address,
                 socklen_t *length)
{
	memcpy(address, from, *length < size ? *length : size);
	*length = size;
}

DOOR int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	struct standin s;
	socklen_t room = length ? *length : 0;
	int result = real.getsockname(fd, address, length);
	if (result < 0 || !table_size || room < sizeof address->sa_family ||
	    address->sa_family != AF_UNIX || !standin_is(fd, &s))
		return result;
	*length = room;
	give(&s.local, s.local_length, address, length);
	return 0;
}

DOOR int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	struct standin s;
	socklen_t room = length ? *length : 0;
	int result = real.getpeername(fd, address, length);
	if (result < 0 || !table_size || room < sizeof address->sa_family ||
	    address->sa_family != AF_UNIX || !standin_is(fd, &s))
		return result;
	*length = room;
	give(&s.remote, s.remote_length, address, length);
	return 0;
}

/* What was known of the room to write (session/outbox.c) no longer holds. */
static bool resizes(int level, int name)
{
	return level == SOL_SOCKET ? name == SO_SNDBUF || name == SO_SNDBUFFORCE
	                           : level == IPPROTO_TCP && name == TCP_NOTSENT_LOWAT;
}

DOOR int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	int saved = errno, refused = refusal(level, name);
	if (refused && may_be_session(fd))
		return (int)outcome_report(OUTCOME_ERRNO - refused, true);
	int result = real.setsockopt(fd, level, name, value, length);
	if (result < 0 && table_size && is_carried_option(fd, level)) {
		errno = saved;
		return 0;
	}
	bool lowat = level == SOL_SOCKET && name == SO_RCVLOWAT, resized = resizes(level, name);
	uint64_t entry = result == 0 && (resized || lowat) ? table_session(fd) : 0;
	if (result == 0 && resized && !entry && table_size && standin_is(fd, NULL))
		relay_make_room(fd);
	struct session *s = entry ? session_enter_by(fd, entry) : NULL;
	if (s) {
		s->room = 0;
		if (lowat)
			session_keep_lowat(s, fd);
		session_leave(s);
	}
	return result;
}
