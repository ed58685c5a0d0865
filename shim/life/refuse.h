/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a session cannot do without a carrier: refused, said and noted, never done in clear. */
#ifndef SLEEVE_LIFE_REFUSE_H
#define SLEEVE_LIFE_REFUSE_H

#include "shim/base/log.h"
#include "shim/session/session.h"

static inline void refuse_carrier(uint64_t entry, const char *what)
{
	struct session *s = session_enter(entry);
	if (!s)
		return;
	char peer[128];
	session_describe(s, peer, sizeof peer);
	registry_verdict(s->registry, (enum registry_verdict)s->registry->verdict,
	                 REGISTRY_CARRIER_NEEDED);
	session_leave(s);
	log_say(LOG_LEVEL_ERROR,
	        "connection with %s: %s is not supported yet and is refused, since "
	        "it would bypass TLS", peer, what);
}

#endif
