/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection's TLS: bytes in, bytes out, no descriptor of its own. */
#include "shim/tls/tls.h"

#include "shim/tls/context.h"
#include "shim/tls/gate.h"
#include "shim/tls/memory.h"

#include <errno.h>
#include <string.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/types.h>

/* A struct tls is a WOLFSSL; the other name keeps wolfSSL's out of the other folders. */
static WOLFSSL *ssl_of(struct tls *t)
{
	return (WOLFSSL *)t;
}

/*
 * Every call into wolfSSL stands between these two.  wolfSSL sets errno to 0 here and there
 * (wolfSSL_read, wolfSSL_write), which a program would take for news.
 */
struct call {
	int saved;
	struct memory_scope before;
};

static struct call enter_with(struct tls *t, struct tls_io *io, struct memory_bench *bench)
{
	struct call call = {errno, memory_begin(io->region, bench)};
	if (t) {
		wolfSSL_SetIOReadCtx(ssl_of(t), io);
		wolfSSL_SetIOWriteCtx(ssl_of(t), io);
	}
	return call;
}

/* During a handshake records come in pieces and their buffers outlive the call. */
static struct call enter(struct tls *t, struct tls_io *io)
{
	return enter_with(t, io, NULL);
}

static bool leave(struct call call)
{
	bool clean = memory_end(call.before);
	errno = call.saved;
	return clean;
}

/* ---- the callbacks ------------------------------------------------------------------------ */

/* RFC 8446 section 5.1: how a record begins.  A peer that speaks something else is told from one
 * that speaks TLS badly. */
static bool is_foreign(struct tls_peer *peer, const uint8_t *bytes, ssize_t size)
{
	if (peer->heard)
		return false;
	peer->heard = true;
	return bytes[0] < 20 || bytes[0] > 23 || (size > 1 && bytes[1] != 3);
}

/*
 * Returning 0 here would make wolfSSL spin (internal.c, GetInputData), so the end of the stream
 * is CONN_CLOSE.  During the handshake wolfSSL asks for exactly the header, then exactly the
 * body, so nothing behind the handshake is ever taken from the kernel.
 */
int tls_receive_callback(WOLFSSL *ssl, char *buffer, int size, void *ctx)
{
	(void)ssl;
	struct tls_io *io = ctx;
	if (io->record_size) {
		size_t part = (size_t)size < io->record_size ? (size_t)size : io->record_size;
		if (buffer != (char *)io->record)
			memcpy(buffer, io->record, part);
		io->record += part;
		io->record_size -= part;
		return (int)part;
	}
	if (!io->receive)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	io->received = io->receive(io->link, buffer, (size_t)size);
	if (io->received > 0 && is_foreign(io->peer, (const uint8_t *)buffer, io->received)) {
		io->peer->reason = REGISTRY_NOT_TLS;
		return WOLFSSL_CBIO_ERR_GENERAL;
	}
	if (io->received > 0)
		return (int)io->received;
	if (io->received == 0)
		return WOLFSSL_CBIO_ERR_CONN_CLOSE;
	if (io->received == -EAGAIN || io->received == -EINTR)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	return WOLFSSL_CBIO_ERR_CONN_RST;
}

/*
 * Never WANT_WRITE: wolfSSL would rebuild or repeat what it has half sent when anything else
 * flushed in between (a KeyUpdate answer is enough).  Everything is taken; back-pressure is the
 * caller's, before it calls tls_seal().
 */
int tls_send_callback(WOLFSSL *ssl, char *buffer, int size, void *ctx)
{
	(void)ssl;
	struct tls_io *io = ctx;
	if ((size_t)size > io->out_size - io->out_used)
		return WOLFSSL_CBIO_ERR_GENERAL;
	if (buffer != (char *)io->out + io->out_used)
		memmove(io->out + io->out_used, buffer, (size_t)size);
	io->out_used += (size_t)size;
	return size;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct tls *tls_new(struct tls_context *context, struct tls_peer *peer, struct tls_io *io)
{
	struct call call = enter(NULL, io);
	gate_enter();
	WOLFSSL *ssl = context_connection(context, peer);
	gate_leave();
	leave(call);
	return (struct tls *)ssl;
}

void tls_free(struct tls *t, struct region *region)
{
	if (!t)
		return;
	struct tls_io io = {.region = region};
	struct call call = enter(t, &io);
	gate_enter();
	wolfSSL_free(ssl_of(t));
	gate_leave();
	leave(call);
}

void tls_leave(struct tls *t)
{
	gate_enter();
	wolfSSL_CTX_free(wolfSSL_get_SSL_CTX(ssl_of(t)));
	gate_leave();
}

/* ---- why it failed ------------------------------------------------------------------------- */

/* The alert the peer sent us; it says more than our own error does. */
static enum registry_reason reason_of_alert(struct tls *t)
{
	WOLFSSL_ALERT_HISTORY history;
	if (wolfSSL_get_alert_history(ssl_of(t), &history) != WOLFSSL_SUCCESS)
		return REGISTRY_PEER_ALERT;
	switch (history.last_rx.code) {
	case handshake_failure:
	case wolfssl_alert_protocol_version:
		return REGISTRY_NO_COMMON_PARAMETERS;
	default:
		return REGISTRY_PEER_ALERT;
	}
}

static enum registry_reason reason_of(struct tls *t, const struct tls_io *io, int error)
{
	switch (error) {
	case SOCKET_ERROR_E:
	case SOCKET_PEER_CLOSED_E:
		return io->received < 0 && io->received != -EAGAIN ? REGISTRY_RESET
		                                                   : REGISTRY_PEER_CLOSED;
	case FATAL_ERROR:
		return reason_of_alert(t);
	case AES_GCM_AUTH_E:
	case MAC_CMP_FAILED_E:
	case VERIFY_MAC_ERROR:
	case DECRYPT_ERROR:
	case VERIFY_FINISHED_ERROR:
	case SEQUENCE_ERROR:
	case OUT_OF_ORDER_E:
	case LENGTH_ERROR:
		return REGISTRY_BAD_RECORD;
	case NO_PEER_CERT:
		return REGISTRY_NO_CLIENT_CERTIFICATE;
	case NOT_CA_ERROR:
	case MAX_CHAIN_ERROR:
		return REGISTRY_PEER_UNTRUSTED;
	case VERSION_ERROR:
	case MATCH_SUITE_ERROR:
	case UNSUPPORTED_SUITE:
	case ECC_CURVE_ERROR:
	case BAD_KEY_SHARE_DATA:
	case EXT_MISSING:
		return REGISTRY_NO_COMMON_PARAMETERS;
	case ZERO_RETURN:
	case WOLFSSL_ERROR_ZERO_RETURN:
		return REGISTRY_PEER_CLOSED;
	case MEMORY_E:
		return REGISTRY_NO_MEMORY;
	default:
		return REGISTRY_BAD_RECORD;
	}
}

enum tls_result tls_handshake(struct tls *t, struct tls_peer *peer, struct tls_io *io,
                              enum registry_reason *reason)
{
	struct call call = enter(t, io);
	io->received = -EAGAIN;
	io->peer = peer;
	gate_enter();
	int result = wolfSSL_negotiate(ssl_of(t));
	gate_leave();
	int error = result == WOLFSSL_SUCCESS ? 0 : wolfSSL_get_error(ssl_of(t), result);
	leave(call);
	if (!error) {
		if (context_authenticated(ssl_of(t), peer))
			return TLS_DONE;
		*reason = REGISTRY_NO_CLIENT_CERTIFICATE;
		return TLS_FAILED;
	}
	if (error == WOLFSSL_ERROR_WANT_READ || error == WANT_READ)
		return TLS_AGAIN;
	*reason = peer->reason != REGISTRY_NONE ? peer->reason : reason_of(t, io, error);
	return TLS_FAILED;
}

enum tls_result tls_open(struct tls *t, struct tls_io *io, void *dst, size_t size, size_t *got,
                         enum registry_reason *reason)
{
	*got = 0;
	/*
	 * After an alert wolfSSL keeps the record's body until it is freed.  Alerts are short, and
	 * a short body has a place that lasts.
	 */
	bool is_short = io->record_size <= TLS_SHORT;
	struct memory_bench bench = {0};
	if (is_short) {
		bench.in = io->short_body;
		bench.in_size = TLS_SHORT;
	} else {
		bench.in = io->record + TLS_HEADER;
		bench.in_size = io->record_size - TLS_HEADER;
	}
	struct call call = enter_with(t, io, &bench);
	int result = wolfSSL_read(ssl_of(t), dst, (int)(size < TLS_PLAIN ? size : TLS_PLAIN));
	int error = result > 0 ? 0 : wolfSSL_get_error(ssl_of(t), result);
	bool clean = leave(call);
	io->abandoned |= !clean && !is_short;
	if (!error) {
		*got = (size_t)result;
		return TLS_DONE;
	}
	if (error == WOLFSSL_ERROR_WANT_READ || error == WANT_READ)
		return TLS_DONE;
	if (error == WOLFSSL_ERROR_ZERO_RETURN || error == ZERO_RETURN)
		return TLS_CLOSED;
	*reason = error == FATAL_ERROR ? REGISTRY_PEER_ALERT
	          : error == MEMORY_E  ? REGISTRY_NO_MEMORY
	                               : REGISTRY_BAD_RECORD;
	return TLS_FAILED;
}

/*
 * wolfSSL leaves this much unused at the front of the buffer it asks for, so that what follows the
 * header is aligned (internal.c, GrowOutputBuffer).
 */
#if WOLFSSL_GENERAL_ALIGNMENT > 0
enum { SLACK = WOLFSSL_GENERAL_ALIGNMENT - TLS_HEADER };
_Static_assert((int)SLACK >= 0 && (int)SLACK <= (int)TLS_BEFORE, "room before the output");
#else
enum { SLACK = 0 };
#endif

bool tls_seal(struct tls *t, struct tls_io *io, const void *src, size_t size)
{
	bool fine = true;
	for (size_t done = 0; fine && done < size;) {
		size_t part = size - done < TLS_PLAIN ? size - done : TLS_PLAIN;
		struct memory_bench bench = {
			.out = io->out + io->out_used - SLACK,
			.out_size = io->out_size - io->out_used + SLACK,
		};
		struct call call = enter_with(t, io, &bench);
		fine = wolfSSL_write(ssl_of(t), (const char *)src + done, (int)part) == (int)part;
		io->abandoned |= !leave(call);
		done += part;
	}
	return fine;
}

/* Called once: a second wolfSSL_shutdown() reads, and could swallow data. */
void tls_goodbye(struct tls *t, struct tls_io *io)
{
	struct call call = enter(t, io);
	wolfSSL_shutdown(ssl_of(t));
	leave(call);
}

uint8_t *tls_short_body(struct region *region)
{
	return memory_lasting(region, TLS_SHORT);
}

/* ---- what was agreed ------------------------------------------------------------------------ */

struct tls_facts tls_describe(struct tls *t)
{
	WOLFSSL *ssl = ssl_of(t);
	WOLFSSL_CIPHER *cipher = wolfSSL_get_current_cipher(ssl);
	struct tls_facts facts = {
		.version = wolfSSL_get_version(ssl),
		.cipher = cipher ? wolfSSL_CIPHER_get_name(cipher) : "",
		.group = wolfSSL_get_curve_name(ssl),
		.resumed = wolfSSL_session_reused(ssl),
	};
	return facts;
}

/* RFC 8446 section 5.2: header, content type, tag.  TLS 1.2: the explicit nonce where AES-GCM has
 * one (RFC 5288), none for ChaCha20 (RFC 7905). */
size_t tls_overhead(struct tls *t)
{
	WOLFSSL *ssl = ssl_of(t);
	if (strcmp(wolfSSL_get_version(ssl), "TLSv1.3") == 0)
		return TLS_HEADER + 1 + 16;
	const char *cipher = wolfSSL_get_cipher_name(ssl);
	bool chacha = cipher && strstr(cipher, "CHACHA");
	return TLS_HEADER + 16 + (chacha ? 0 : 8);
}
