/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One sleeved connection. */
#ifndef SLEEVE_SESSION_SESSION_H
#define SLEEVE_SESSION_SESSION_H

#include "shim/registry/writer.h"
#include "shim/session/outcome.h"
#include "shim/session/rulebook.h"
#include "shim/tls/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * A session lives in a slot of the shared arena; everything it points to lies in its region (same
 * address in every process of the family) or, the rulebook and its context, in memory that a
 * fork copies to the same address.  One robust process-shared lock guards it.  The lock is held
 * while bytes are moved between the kernel, TLS and the caller, never while waiting: every
 * system call under it is non-blocking and no cancellation point (base/kernel.h).
 *
 * Everything here is called with the lock held, unless it says otherwise, and with `fd`, the
 * number by which this process knows the socket.
 */

#define SESSION_STATES(X) \
	X(FRESH, "fresh")             /* TCP only; no byte of TLS has passed */ \
	X(HANDSHAKING, "handshaking") \
	X(OPEN, "open")               /* the peer is authenticated */ \
	X(SHUT_WRITE, "shut-write")   /* we said close_notify and may still read */ \
	X(SHUT_READ, "shut-read")     /* the peer said close_notify; we may still write */ \
	X(CLOSED, "closed")           /* both */ \
	X(FAILED, "failed")           /* no byte passes any more */

enum session_state {
#define X(name, text) SESSION_##name,
	SESSION_STATES(X)
#undef X
	SESSION_STATE_COUNT
};

enum session_event {
	SESSION_BEGIN,    /* the first byte of TLS is due */
	SESSION_FINISHED, /* handshake done, peer authenticated */
	SESSION_WE_CLOSE, /* our close_notify is out */
	SESSION_PEER_CLOSES,
	SESSION_BREAKS,
	SESSION_EVENT_COUNT
};

enum { SESSION_HOLDERS = 32, SESSION_RELAYS = 4, SESSION_EARLY = 64 * 1024, SESSION_TOKEN = 4096 };

struct session {
	pthread_mutex_t lock; /* of the slot: made once, for all its sessions */
	bool lock_ready;
	bool counting;         /* who is inside changes nothing but who holds it */
	struct session *outer; /* which the thread inside was in before; its own business */
	/* One more whenever the slot is given back; read without the lock.  What follows begins at
	 * 0 with each session. */
	uint32_t stamp;
	uint32_t slot;
	uint8_t state; /* enum session_state; read without the lock as a hint only */
	uint8_t reason;
	bool shutdown_wanted; /* SHUT_WR asked for during the handshake */
	bool truncated;       /* FIN came without close_notify */
	bool peer_finished;   /* the kernel has seen FIN */
	bool unspoken;        /* the handshake is done, and no application bytes have left */
	bool early_blocked;   /* somebody was told EAGAIN during the handshake */
	bool reset_told;      /* ECONNRESET, or kernel_error, has been reported once */
	bool read_shut;       /* SHUT_RD by the program */
	bool to_self;         /* the other end may be this very thread */
	bool connecting;      /* the program's connect(2) has not returned yet */
	bool reached;         /* TCP has been seen to be there */
	bool poisoned;        /* left in the middle; pollers have not been woken yet */
	bool borrowed;        /* was there before the program, whose parent may still use it bare */
	int lowat;            /* SO_RCVLOWAT, kept back during the handshake; 0: none */
	int kernel_error;     /* errno that ended the connection, 0 */

	/* inbox: see record.c */
	uint8_t *held; /* plaintext not yet delivered: held_at .. held_end of held_size */
	uint32_t held_at, held_end, held_size;
	size_t counted; /* what FIONREAD told and has not been read since */
	uint8_t *part; /* the beginning of a record */
	uint32_t part_end, part_size;
	/* How many bytes of the last held record are still in the kernel: one, or as many as the
	 * program's SO_RCVLOWAT asks for before a socket counts as readable. */
	uint32_t token;
	uint16_t barren; /* records in a row that carried nothing for the program */
	/* Carriers with a program behind them (life/order.h), a bit each, read without the lock as
	 * a hint; what they were asked last, and have answered; and which of the holders each is,
	 * from 1 on.  (Bytes, where there is room.) */
	uint8_t relays, relay_question;

	/* outbox */
	uint8_t *tail; /* ciphertext the kernel has not taken yet: tail_at .. tail_end */
	uint32_t tail_at, tail_end;
	uint8_t *early; /* plaintext accepted before the handshake is done */
	uint32_t early_end; /* read without the lock as a hint */
	int64_t room; /* what the kernel's send buffer is known to take at least */
	uint64_t acked_wire, acked_plain; /* see record_queued() */

	uint8_t *short_body; /* see tls_io.short_body */
	struct region *region; /* NULL while fresh and again at the end */
	struct tls *tls;
	bool tls_abandoned; /* see tls_io.abandoned */
	/* Contexts are counted in each process; only this one's has counted tls. */
	pid_t tls_maker;
	struct rulebook *rulebook;
	struct tls_context *context;
	struct registry_slot *registry;
	size_t overhead; /* bytes a record is longer than its plaintext, at the least */
	int64_t deadline;
	int64_t driven_until; /* a thread polls for the handshake; see block.c */
	uint32_t turn;        /* one more each time such a thread is done, or a carrier answers */
	uint32_t waiting;     /* threads, of whatever process, that wait for the socket */
	int64_t timeout; /* nanoseconds a handshake may take */

	uint64_t cookie; /* SO_COOKIE: which socket it is, whatever its number; 0: not known */
	pid_t user; /* which the registry shows */
	uint8_t relay_answers[SESSION_RELAYS];
	uint64_t asked_to_read; /* the last carrier that was, see session_ask_reading() */
	/* Processes that hold it.  More than fit are counted only. */
	uint32_t holder_count;
	pid_t holders[SESSION_HOLDERS];
	uint8_t relay_holders[SESSION_RELAYS];
	int64_t doubted_at; /* when the sweep first saw a child that may never have been */

	struct tls_peer peer; /* 16-byte address, names, verdict */
	char name[254];       /* peer.expected points here */
};

const char *session_state_name(enum session_state state);
void session_move(struct session *s, enum session_event event);

/* The other end's address and port, as the program gave it, and for messages. */
void session_remote(const struct session *s, struct sockaddr_storage *address);
void session_describe(const struct session *s, char *text, size_t size);

/* ---- by descriptor; without the lock ------------------------------------------------------- */

/* A new session for a socket that is connected, or being connected, under this rule.  Stores it
 * in the table, but for a guest, whose numbers are not there; who wants its handshake driven adds
 * it to the pending.  Takes over the caller's count of the rulebook.  0: no memory, or the number
 * is too high; the caller refuses the connection. */
uint64_t session_birth(int fd, struct rulebook *rulebook, const struct policy_verdict *verdict,
                       const struct policy_flow *flow, const struct sockaddr *local,
                       const struct sockaddr *remote);

/* The session behind a table entry, locked; NULL when it is over or was never ours. */
struct session *session_enter(uint64_t entry);
/*
 * The same for who is about to use fd: NULL, too, when fd has another meaning by now.  Another
 * thread may have closed it while others still hold the session, and a record that is sealed and
 * cannot be sent is lost to all of them.  Closing waits for whoever is in (life/descriptor.c).
 */
struct session *session_enter_by(int fd, uint64_t entry);
/* The same to see or change who holds it, and no more: who dies inside ends nothing. */
struct session *session_enter_to_count(uint64_t entry);
void session_leave(struct session *s);
/* Is fd its socket, whatever the table says?  Where the kernel knows no cookies any TCP socket may
 * be.  Needs no lock where the session is held. */
bool session_is_socket(const struct session *s, int fd);
/* This thread is about to jump out of a signal handler (siglongjmp(3)): sessions it is in the
 * middle of are over, their locks free. */
void session_abandon(void);
/* A forked child is in none, whatever its parent's thread was in. */
void session_forked(void);
/* The session in a slot, whichever it is, if nobody is in it; never waits.  Where an orphan's
 * holder died inside, it has ended like all the others, and nothing else is said of it. */
bool session_try(struct session *s);
/* The slot of an entry, unlocked: only for waiting on s->turn. */
struct session *session_at(uint64_t entry);
/*
 * This process listens on a port.  A program may connect to itself in one thread, write, and only
 * then accept: TCP's buffers allow it.  Its blocking writes must not wait for a handshake that
 * the same thread would have to answer, so they are accepted as non-blocking ones are.
 */
void session_listening(uint16_t port);

/* The program's connect on fd has returned; `local` may be NULL. */
void session_connected(int fd, uint64_t entry, const struct sockaddr *local);
/* The connection was inherited: until the program uses it, nothing of it is touched. */
void session_borrowed(uint64_t entry);
/* Why session_enter_by() gave NULL, as an outcome. */
ssize_t session_absent(int fd, uint64_t entry);

/*
 * A thread is about to wait for the socket, and has.  Whoever takes all there is to read may leave
 * it asleep: a carrier, by whose unix socket the thread's number has been replaced, waits for it to
 * have seen that there was something.  One that is cancelled in its wait is counted for ever.
 */
void session_waits(uint64_t entry);
void session_waited(uint64_t entry);
bool session_is_waited_for(uint64_t entry);

/* The state as a hint, without the lock. */
enum session_state session_peek_state(uint64_t entry);

/* Is there work that nobody may be waiting for: a handshake, or bytes accepted during it? */
bool session_is_pending(uint64_t entry);

/* This process has dropped its last descriptor of the session; fd is still open.  Says goodbye
 * and ends the session if nobody else holds it.  False, where patient: the kernel does not take
 * all that is left to say, or cannot yet; nothing has ended. */
bool session_drop(uint64_t entry, int fd, bool patient);

/* A fork is about to happen: one more holder each, under a name of its own (a negative number)
 * until its pid is known.  Then the pid, or, where the fork failed, the hold back.  False: it is
 * over, or this very thread is in it. */
bool session_hold(uint64_t entry, pid_t unborn);
void session_claim(uint64_t entry, pid_t unborn, pid_t now);
void session_unhold(uint64_t entry, pid_t unborn);

/* Is everybody who holds it known by a pid, and dead?  Without the lock a hint.  Who is in doubt
 * lives: a child that has no pid yet while its parent lives, a holder that is only counted, a pid
 * of somebody else by now. */
bool session_is_orphan(const struct session *s);
/*
 * Gives back the slots of sessions all of whose holders were killed, in the chunks this process
 * has.  What a number here names stays.  No lock of a living session
 * is taken, so that to be killed in here ends none.
 */
void session_sweep(void);

/* Is there a peer to say goodbye to, now or after the handshake, and no other holder? */
bool session_is_last(uint64_t entry, int fd);

/* An exec is about to end this process's hold; and has failed. */
void session_lend(uint64_t entry);
void session_reclaim(uint64_t entry);

/* Do other processes hold it?  A carrier that only writes then is known by the cookie of its own
 * unix socket; it leaves reading to them until they are gone, or until it is asked to read. */
bool session_has_others(uint64_t entry);
void session_ask_reading(uint64_t entry, uint64_t carrier);
bool session_leaves_reading(uint64_t entry, uint64_t carrier);

/* ---- with the lock -------------------------------------------------------------------------- */

/* TCP itself has failed; EPIPE, which only a writer is told, says nothing of the kind. */
static inline bool session_broken(const struct session *s)
{
	return s->kernel_error && s->kernel_error != EPIPE;
}

static inline bool session_is_up(const struct session *s)
{
	return s->state >= SESSION_OPEN && s->state <= SESSION_CLOSED;
}

/* session_is_pending() looks at it without the lock. */
static inline void session_set_tail(struct session *s, uint8_t *tail)
{
	__atomic_store_n(&s->tail, tail, __ATOMIC_RELAXED);
}

/* Moves the handshake on as far as what has arrived allows.  Never waits. */
void session_advance(struct session *s, int fd);

/* Accepts plaintext before the handshake is done; OUTCOME_AGAIN when the buffer is full. */
ssize_t session_write_early(struct session *s, int fd, const uint8_t *bytes, size_t size);

/* Somebody was told to wait for room: makes every poller hear of it when there is some. */
void session_tell_room(struct session *s, int fd);

/* The program may have set SO_RCVLOWAT: see there. */
void session_keep_lowat(struct session *s, int fd);

/* close_notify.  True: it has left now; false: it had before, or will (then s->shutdown_wanted). */
bool session_goodbye(struct session *s, int fd);

/* close_notify, then the kernel's FIN; SHUT_RDWR: and the end of reading in the same moment, for
 * whoever polls, unless ciphertext has to leave first (then s->shutdown_wanted). */
void session_shut_write(struct session *s, int fd, int how);

/* The peer has said close_notify. */
void session_peer_closed(struct session *s, int fd);

/*
 * Moves it on, and says whether closing it now would break a promise of TCP's: that written bytes
 * arrive, and that the peer then reads the end of the stream, which only an open session can say.
 */
bool session_owes(struct session *s, int fd);

/* Ends it for good: nothing passes any more, every poller wakes. */
void session_fail(struct session *s, int fd, enum registry_reason reason);

/* The last descriptor is about to close, after record_farewell(): checks the kernel's count of
 * bytes against ours, and gives everything back, the lock and the slot with it. */
void session_end(struct session *s, int fd);

/* The same where all who held it are dead: their counts and contexts are not this process's. */
void session_bury(struct session *s);

/* The region, taken when first needed; NULL: out of memory. */
struct region *session_region(struct session *s);

/* A tls_io for one call on this session, over a scratch buffer; false when memory is out. */
bool session_io(struct session *s, struct tls_io *io);
void session_io_end(struct tls_io *io);

/* Where in the scratch buffer of a tls_io incoming bytes go: `size` bytes, and SESSION_TOKEN
 * before. */
uint8_t *session_io_inbox(struct tls_io *io, size_t *size);

#endif
