#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A long way, 50 ms each: one round trip more than TCP's (RFC 8446 section 2), and no wait for a
# delayed acknowledgement.
. "$(dirname "$0")/lib.sh"
begin latency ip
[ "$MODE" != bare ] || skip "it compares bare and sleeved itself"
unshare -n true 2>/dev/null && [ -w /dev/net/tun ] ||
	skip "needs network namespaces and /dev/net/tun (root)"

pki_identity "$tmp/pki" near IP:192.0.2.1 && pki_identity "$tmp/pki" far IP:192.0.2.2 ||
	fail "no test certificates"
pki_policy "$tmp/pki/near.conf" near <<'EOT'
	  { name = "out"; on = "connect"; to = ["192.0.2.0/24"]; mode = "strict"; }
EOT
pki_policy "$tmp/pki/far.conf" far <<'EOT'
	  { name = "in"; on = "accept"; from = ["192.0.2.0/24"]; mode = "strict"; }
EOT
mkdir "$tmp/pki/run"

step "round trips to the first answer, and the fifth"
/usr/bin/python3 "$root/tests/programs/latency.py" "$BUILD" "$tmp/pki" 2>&1 |
	tee "$tmp/latency.out"
[ "${PIPESTATUS[0]}" = 0 ] || fail "more round trips than TCP and TLS 1.3 need"
finish
