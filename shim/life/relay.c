/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A carrier's work: bytes between a session and a unix socket. */
#include "shim/life/relay.h"

#include "shim/base/kernel.h"
#include "shim/base/real.h"
#include "shim/base/scratch.h"
#include "shim/life/descriptor.h"
#include "shim/life/order.h"
#include "shim/session/block.h"
#include "shim/session/pending.h"
#include "shim/session/record.h"
#include "shim/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a relay whose program is gone waits for a peer that takes nothing: TCP itself gives an
 * orphan up after some such time (tcp(7), tcp_orphan_retries). */
enum { PATIENCE = 100 * 1000, TICK = 1000, TURN = 20 };

struct flow {
	uint8_t *bytes; /* SCRATCH_SIZE */
	size_t at, end;
	bool ended; /* nothing more comes */
	bool told;  /* and the other side knows */
};

struct relay {
	int tcp, host;
	uint64_t entry;
	struct flow in, out; /* to the program, to the peer */
	bool host_ended;     /* the program's side has shut down its writing, or all */
	bool host_gone;      /* it has closed */
	bool host_reset;     /* and left bytes unread, the last one that held the session */
	bool broken;         /* the session is */
	bool leaves;         /* reading to others */
	bool seen;           /* what came first, by whoever waited for the socket before */
	int place;           /* see order_enroll() */
	uint8_t heard;       /* the last question */
	size_t owed;         /* before it is answered */
	bool asked;
};

/* ---- what others wait for -------------------------------------------------------------------- */

static size_t in_hand(const struct relay *r)
{
	int unread;
	if (real.ioctl(r->host, FIONREAD, &unread) < 0 || unread < RELAY_TOKEN)
		unread = RELAY_TOKEN;
	return r->out.end - r->out.at + (size_t)unread - RELAY_TOKEN;
}

static void answer(struct relay *r)
{
	uint8_t asked = order_asked(r->entry);
	if (r->place < 0)
		return;
	if (asked != r->heard) {
		r->heard = asked;
		r->owed = in_hand(r);
		r->asked = true;
	}
	if (r->asked && (!r->owed || r->broken))
		r->asked = !order_answer(r->entry, r->place, r->heard);
}

static bool drained(const struct flow *f)
{
	return f->at == f->end;
}

/* ---- to the program -------------------------------------------------------------------------- */

/* What nobody is there for is left to those who hold the session, or to the reset of the close. */
static bool reads(const struct relay *r)
{
	return drained(&r->in) && !r->in.ended && !r->broken && !r->leaves && !r->host_gone;
}

/* Who else holds the session may go on with it as soon as the program has ended. */
static bool is_left(struct relay *r)
{
	uint32_t holders = __atomic_load_n(&session_at(r->entry)->holder_count, __ATOMIC_RELAXED);
	r->host_gone |= holders > 1 && (kernel_poll(r->host, POLLIN) & POLLHUP);
	r->host_ended |= r->host_gone;
	return r->host_gone;
}

/* Setting SO_RCVLOWAT (socket(7)) to what it is wakes who waits, if there is something to read. */
static void wake_waiters(const struct relay *r)
{
	kernel_set_option(r->tcp, SOL_SOCKET, SO_RCVLOWAT,
	                  kernel_option(r->tcp, SOL_SOCKET, SO_RCVLOWAT, 1));
}

/* The program lets go as soon as the carrier is there; who holds the session later reads it. */
static bool is_alone(const struct relay *r)
{
	for (int i = 0; i < 20 && session_has_others(r->entry); i++)
		real.poll(NULL, 0, 1);
	return !session_has_others(r->entry);
}

/*
 * Threads of the program may sleep in the kernel, waiting for the socket that was theirs.  Who
 * waits in recv(2) has to find something there when it wakes, and who waits in poll(2), which looks
 * its number up again, in the unix socket.  So what comes first is there for both, until they have
 * seen it.  False: there is nothing yet.
 */
static bool is_seen(struct relay *r)
{
	if (!session_is_waited_for(r->entry))
		return true;
	r->seen = !is_alone(r);
	if (r->seen)
		return true;
	if (!(kernel_poll(r->tcp, POLLIN) & POLLIN))
		return false;
	struct iovec v = {r->in.bytes, SCRATCH_SIZE};
	ssize_t seen = block_receive(r->tcp, r->entry, &v, 1, MSG_PEEK | MSG_DONTWAIT);
	if (seen == OUTCOME_AGAIN)
		return false;
	ssize_t put = seen > 0 ? kernel_send(r->host, r->in.bytes, (size_t)seen, 0) : 0;
	wake_waiters(r);
	for (int i = 0; i < 100 && session_is_waited_for(r->entry); i++)
		real.poll(NULL, 0, 1);
	v.iov_len = put > 0 ? (size_t)put : 0;
	if (put > 0)
		block_receive(r->tcp, r->entry, &v, 1, MSG_DONTWAIT);
	r->seen = true;
	return true;
}

static bool pull_in(struct relay *r)
{
	struct flow *f = &r->in;
	if (!reads(r) || is_left(r) || (!r->seen && !is_seen(r)))
		return false;
	struct iovec v = {f->bytes, SCRATCH_SIZE};
	ssize_t got = block_receive(r->tcp, r->entry, &v, 1, MSG_DONTWAIT);
	if (got == OUTCOME_AGAIN)
		return false;
	f->at = 0;
	f->end = got > 0 ? (size_t)got : 0;
	f->ended = got == 0;
	r->broken = got < 0;
	return true;
}

static bool push_in(struct relay *r)
{
	struct flow *f = &r->in;
	if (!drained(f) && !r->host_gone) {
		ssize_t put = kernel_send(r->host, f->bytes + f->at, f->end - f->at, 0);
		if (put == -EAGAIN)
			return false;
		r->host_gone |= put < 0;
		f->at += put > 0 ? (size_t)put : 0;
		return true;
	}
	if (drained(f) && f->ended && !f->told) {
		kernel_shutdown(r->host, SHUT_WR);
		wake_waiters(r);
		f->told = true;
		return true;
	}
	return false;
}

/* ---- to the peer ----------------------------------------------------------------------------- */

/* What lies in the socket behind the token is passed on; its last byte is the next token. */
static bool pull_out(struct relay *r)
{
	struct flow *f = &r->out;
	if (!drained(f) || f->ended)
		return false;
	ssize_t seen = kernel_recv(r->host, f->bytes, SCRATCH_SIZE, MSG_PEEK);
	if (seen > RELAY_TOKEN) {
		f->at = 0;
		f->end = (size_t)seen - RELAY_TOKEN;
		kernel_recv(r->host, f->bytes, f->end, 0);
		memmove(f->bytes, f->bytes + RELAY_TOKEN, f->end);
		return true;
	}
	if (!r->host_ended)
		return false;
	f->ended = true;
	return true;
}

static bool push_out(struct relay *r)
{
	struct flow *f = &r->out;
	if (!drained(f) && !r->broken) {
		struct iovec v = {f->bytes + f->at, f->end - f->at};
		ssize_t put = block_send(r->tcp, r->entry, &v, 1, MSG_DONTWAIT);
		if (put == OUTCOME_AGAIN)
			return false;
		size_t done = put > 0 ? (size_t)put : 0;
		f->at += done;
		r->owed -= done < r->owed ? done : r->owed;
		r->broken |= put <= 0;
		return true;
	}
	if (!drained(f) || !f->ended || f->told || r->host_reset)
		return false;
	/* A close is no shutdown(2): others may hold the session, and write on. */
	struct session *s = NULL;
	if (!r->host_gone && (session_peek_state(r->entry) <= SESSION_HANDSHAKING ||
	                      !(s = session_enter(r->entry))))
		return false;
	if (s && session_is_up(s))
		session_shut_write(s, r->tcp, SHUT_WR);
	if (s)
		session_leave(s);
	f->told = true;
	return true;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static uint32_t interest(const struct relay *r)
{
	enum session_state state = session_peek_state(r->entry);
	if (state <= SESSION_HANDSHAKING)
		return state == SESSION_FRESH && !kernel_connected(r->tcp) ? EPOLLOUT : EPOLLIN;
	uint32_t events = 0;
	if (reads(r))
		events |= EPOLLIN;
	if (!drained(&r->out) && !r->broken)
		events |= EPOLLOUT;
	return events;
}

/* The token makes the host's side readable for ever, so it is watched for news only. */
static void look_at_host(struct relay *r, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP))
		r->host_ended = true;
	if (events & EPOLLHUP)
		r->host_gone = true;
	if ((events & EPOLLERR) && kernel_option(r->host, SOL_SOCKET, SO_ERROR, 0) == ECONNRESET)
		r->host_reset = !session_has_others(r->entry);
}

/* Whether or not there is anything to pass on, and whoever reads it. */
static void move_handshake(struct relay *r)
{
	struct session *s = session_enter_by(r->tcp, r->entry);
	if (!s)
		return;
	session_advance(s, r->tcp);
	session_leave(s);
	pending_expire();
}

/* False: the program is gone and the peer takes nothing. */
static bool wait(struct relay *r, int epoll, uint32_t *watched)
{
	if (session_peek_state(r->entry) <= SESSION_HANDSHAKING)
		move_handshake(r);
	uint32_t wanted = interest(r);
	if (wanted != *watched) {
		struct epoll_event e = {.events = wanted, .data.fd = r->tcp};
		int change = !*watched ? EPOLL_CTL_ADD : wanted ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
		real.epoll_ctl(epoll, change, r->tcp, &e);
		*watched = wanted;
	}
	bool handshaking = session_peek_state(r->entry) <= SESSION_HANDSHAKING;
	int limit = handshaking ? TICK : r->leaves ? TURN : r->host_gone ? PATIENCE : -1;
	struct epoll_event events[3];
	int count = real.epoll_wait(epoll, events, 3, limit);
	for (int i = 0; i < count; i++)
		if (events[i].data.fd == r->host)
			look_at_host(r, events[i].events);
	bool again = count != 0 || handshaking || r->leaves || !r->host_gone;
	if (r->leaves) /* nobody tells when that changes */
		r->leaves = session_leaves_reading(r->entry, kernel_cookie(r->host));
	return again;
}

static bool finished(const struct relay *r)
{
	if (r->host_reset || (r->host_gone && r->broken))
		return true;
	if (r->broken)
		return drained(&r->in);
	bool out_done = r->out.told;
	bool in_done = r->in.told || r->host_gone;
	return out_done && in_done;
}

/* Nobody will come back to it, so all that is left to say is said before. */
static void say_the_rest(int tcp, uint64_t entry)
{
	block_handshake(tcp, entry);
	block_until_sent(tcp, entry, PATIENCE * 1000000LL);
	struct session *s = session_enter(entry);
	if (s && s->holder_count == 1)
		record_farewell(s, tcp);
	if (s)
		session_leave(s);
	block_until_sent(tcp, entry, PATIENCE * 1000000LL);
}

void relay_end(int tcp, uint64_t entry)
{
	if (!kernel_resets_on_close(tcp))
		say_the_rest(tcp, entry);
	descriptor_ending(tcp);
	real.close(tcp);
	descriptor_ended(tcp);
}

static void end(struct relay *r)
{
	if (r->host_reset) { /* unread bytes at close: a reset, as it would be without us */
		struct linger now = {1, 0};
		real.setsockopt(r->tcp, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	}
	relay_end(r->tcp, r->entry);
	/* What is left unread now tells the program of a reset. */
	if (!r->broken)
		while (kernel_recv(r->host, r->out.bytes, SCRATCH_SIZE, 0) > 0)
			;
	real.close(r->host);
}

/* What the program sets from now on does not reach the socket, and what it has written is passed on
 * as soon as it is there: to hold it back would be for nobody's good. */
static void send_at_once(int tcp)
{
	kernel_set_option(tcp, IPPROTO_TCP, TCP_CORK, 0);
	kernel_set_option(tcp, IPPROTO_TCP, TCP_NODELAY, 1);
}

void relay_run(int tcp, uint64_t entry, int host, int place, bool leaves)
{
	send_at_once(tcp);
	struct relay r = {.tcp = tcp, .host = host, .entry = entry, .leaves = leaves,
	                  .place = place, .heard = order_begin(entry, place)};
	r.in.bytes = scratch_take();
	r.out.bytes = scratch_take();
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	                        .data.fd = host};
	int bell = real.fcntl(tcp, F_DUPFD_CLOEXEC, 0L); /* see order_await() */
	struct epoll_event rung = {.events = EPOLLOUT | EPOLLET, .data.fd = bell};
	real.epoll_ctl(epoll, EPOLL_CTL_ADD, bell, &rung);
	uint32_t watched = 0;
	if (!r.in.bytes || !r.out.bytes || epoll < 0 ||
	    real.epoll_ctl(epoll, EPOLL_CTL_ADD, host, &e) < 0)
		r.broken = true;
	while (!finished(&r)) {
		answer(&r);
		bool moved = pull_in(&r) | push_in(&r) | pull_out(&r) | push_out(&r);
		if (!moved && !finished(&r) && !wait(&r, epoll, &watched))
			break;
	}
	order_dismiss(entry, place);
	real.close(bell);
	end(&r);
}

void relay_make_room(int end)
{
	enum { ROOM = 1 << 20 }; /* counted double (socket(7), SO_SNDBUF) */
	int saved = errno, room = ROOM;
	if (kernel_option(end, SOL_SOCKET, SO_SNDBUF, 0) < ROOM &&
	    real.setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0)
		real.setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	errno = saved;
}
