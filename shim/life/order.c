/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who writes past the carriers of a session comes behind what they were given before. */
#include "shim/life/order.h"

#include "shim/base/kernel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The question is a number in the session, and so is each carrier's answer; who asks sleeps on
 * s->turn.  A carrier sleeps in epoll_wait(2), and of what it watches only the TCP socket is in
 * the hands of who asks: that is the bell.
 */

static void tell(struct session *s)
{
	s->turn++;
	kernel_wake(&s->turn);
}

int order_enroll(uint64_t entry)
{
	struct session *s = session_enter(entry);
	int place = 0;
	if (!s)
		return -1;
	while (place < SESSION_RELAYS && (s->relays >> place & 1))
		place++;
	if (place < SESSION_RELAYS) {
		s->relay_holders[place] = 0;
		s->relay_answers[place] = s->relay_question;
		__atomic_fetch_or(&s->relays, (uint8_t)(1 << place), __ATOMIC_RELAXED);
	}
	session_leave(s);
	return place < SESSION_RELAYS ? place : -1;
}

void order_dismiss(uint64_t entry, int place)
{
	struct session *s = place < 0 ? NULL : session_enter(entry);
	if (!s)
		return;
	__atomic_fetch_and(&s->relays, (uint8_t)~(1 << place), __ATOMIC_RELAXED);
	tell(s);
	session_leave(s);
}

/* One that was killed does not answer, and is known as a holder, unless there are too many. */
static bool is_dead(const struct session *s, int place)
{
	int holder = s->relay_holders[place];
	pid_t pid = holder ? s->holders[holder - 1] : -1;
	return holder && (pid <= 0 || !kernel_lives(pid));
}

enum doubt { NONE, MAY_BE_DEAD, GIVEN_UP };

static bool all_answered(struct session *s, uint8_t question, enum doubt doubt)
{
	bool all = true;
	for (int i = 0; i < SESSION_RELAYS; i++) {
		if (!(s->relays >> i & 1) || (int8_t)(s->relay_answers[i] - question) >= 0)
			continue;
		if (doubt == GIVEN_UP || (doubt == MAY_BE_DEAD && is_dead(s, i)))
			__atomic_fetch_and(&s->relays, (uint8_t)~(1 << i), __ATOMIC_RELAXED);
		else
			all = false;
	}
	return all;
}

/* Wakes whoever waits for room, where there is some (tcp(7)): carriers wait for that alone. */
static void ring(int tcp)
{
	kernel_set_option(tcp, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
	                  kernel_option(tcp, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0));
}

/* A bell that is not heard, for the socket was full, is rung again.  A signal is soon heeded: its
 * handler may be there to end the wait for a peer that takes nothing. */
void order_await_others(int fd, uint64_t entry, bool ends)
{
	enum { AGAIN = 10000000, HURRY = 20000000, SOON = 100000000, SECOND = 1000000000 /* ns */ };
	static const int64_t PATIENCE = 100 * INT64_C(1000000000);
	bool waits = !kernel_nonblocking(fd) &&
	             kernel_option(fd, SOL_SOCKET, SO_PROTOCOL, 0) == IPPROTO_TCP;
	if (!waits && !ends && !(kernel_poll(fd, POLLOUT) & POLLOUT))
		return;
	int64_t began = kernel_now(), now = began;
	int64_t limit = waits ? kernel_deadline(fd, SO_SNDTIMEO) : now + (ends ? SECOND : HURRY);
	uint8_t question = 0;
	enum doubt doubt = NONE;
	for (int error = 0; now < limit && (!error || now < began + SOON); now = kernel_now()) {
		struct session *s = session_enter(entry);
		if (!s)
			break;
		if (doubt == NONE)
			question = ++s->relay_question;
		uint32_t turn = s->turn;
		bool done = s->state == SESSION_FAILED || all_answered(s, question, doubt);
		session_leave(s);
		if (done)
			break;
		doubt = now > began + PATIENCE ? GIVEN_UP : MAY_BE_DEAD;
		ring(fd);
		error = kernel_wait(&session_at(entry)->turn, turn, AGAIN);
	}
}

uint8_t order_begin(uint64_t entry, int place)
{
	struct session *s = place < 0 ? NULL : session_enter(entry);
	if (!s)
		return 0;
	for (int i = 0; i < SESSION_HOLDERS; i++)
		if (s->holders[i] == getpid())
			s->relay_holders[place] = (uint8_t)(i + 1);
	uint8_t heard = s->relay_answers[place];
	session_leave(s);
	return heard;
}

uint8_t order_asked(uint64_t entry)
{
	return __atomic_load_n(&session_at(entry)->relay_question, __ATOMIC_ACQUIRE);
}

bool order_answer(uint64_t entry, int place, uint8_t question)
{
	struct session *s = session_enter(entry);
	if (!s)
		return false;
	s->relay_answers[place] = question;
	tell(s);
	session_leave(s);
	return true;
}
