#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Peers that break the rules of TLS, record by record: the program has what came before, no more.
. "$(dirname "$0")/lib.sh"
begin hostile /usr/bin/python3
here=$root/tests/programs
python=/usr/bin/python3
if [ "$MODE" = bare ]; then
	skip "without TLS there is nothing that a peer could break"
fi
"$python" -c 'import ssl; assert ssl.OPENSSL_VERSION_INFO >= (1, 1, 1)' 2>/dev/null ||
	skip "$python is not built on OpenSSL 1.1.1 or later, whose key log this needs"
export SLEEVE_RUNDIR=$tmp/run

# after_handshake KIND SIDE VERSION
after_handshake()
{
	step "$1, $2, TLS $3"
	fresh_port
	server_as server
	client_as client
	local command=("${as_server[@]}")
	[ "$2" = serve ] || command=("${as_client[@]}")
	timeout 60 "$python" "$here/hostile-records.py" "$1" "$2" "$port" "$3" "$tmp/pki" \
		"$BUILD/sleeve" "${command[@]}" >"$tmp/records.out" 2>&1 ||
		fail "$(tail -n 3 "$tmp/records.out")"
}

CLIENT_BOUND=60
for kind in blocking edge; do
	for side in serve call; do
		after_handshake "$kind" "$side" 1.3
		rule_extra='profile = "intermediate";' after_handshake "$kind" "$side" 1.2
	done
done

finish
