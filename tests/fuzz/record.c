/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A peer may send anything: to a server's handshake, and to a session that is open. */
#include <stdlib.h>
#define must(condition) ((condition) ? (void)0 : abort())
#include "tests/unit/session_help.h"

static struct end *server;
static char folder[] = "/tmp/sleeve-fuzz-XXXXXX";

int __lsan_is_turned_off(void)
{
	return 1; /* it does not see what our own mappings point to */
}

const char *pki(const char *file)
{
	char *path;
	must(asprintf(&path, "%s/%s", folder, file) > 0);
	return path;
}

static void clean(void)
{
	must(system("rm -rf \"$SLEEVE_TEST_PKI\"") == 0);
}

int LLVMFuzzerInitialize(int *count UNUSED, char ***arguments UNUSED)
{
	must(mkdtemp(folder) && !setenv("SLEEVE_TEST_PKI", folder, 1) && !atexit(clean));
	must(system("sh tests/unit/tls_pki.sh \"$SLEEVE_TEST_PKI\"") == 0);
	session_start("");
	server = end_new(POLICY_ACCEPT, "server");
	return 0;
}
/* Operations of two bytes: send raw bytes, send a good record, read, peek, ask. */
static void use(struct link_pair *l, const uint8_t *data, size_t size)
{
	uint8_t buffer[256];
	for (struct session *s; size >= 2 && state_of(l) < SESSION_FAILED; session_leave(s)) {
		size_t most = size - 2, part = data[1] < most ? data[1] : most;
		s = enter(l);
		peer_send(l);
		if (data[0] % 8 == 0)
			raw_send(l, data + 2, part);
		else if (data[0] % 8 < 3 && part)
			end_seal(l->peer, data + 2, part);
		else if (data[0] % 8 < 6)
			must(record_read(s, l->fd, buffer, data[1] + 1) <= data[1] + 1);
		else if (data[0] % 8 == 6)
			must(record_peek(s, l->fd, buffer, data[1]) <= data[1]);
		else
			must(record_available(s, l->fd) <= 5 * TLS_PLAIN);
		if (session_is_up(s) && s->held_at < s->held_end)
			must(s->token && kernel_says_readable(l));
		size -= part = data[0] % 8 < 3 ? part + 2 : 2;
		data += part;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	end_start(server);
	end_arrive(server, data, size);
	must(end_step(server) != TLS_DONE);
	end_stop(server);
	struct link_pair *l = link_opened(size % 2 ? POLICY_ACCEPT : POLICY_CONNECT);
	use(l, data, size);
	link_free(l);
	return 0;
}
