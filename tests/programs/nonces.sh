#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Several processes write to one session: no sequence number is used twice, and none is left out.
. "$(dirname "$0")/lib.sh"
begin nonces /usr/bin/python3
[ "$MODE" != bare ] || skip "without TLS there are no nonces"
/usr/bin/python3 -c 'import ssl; assert ssl.OPENSSL_VERSION_INFO >= (1, 1, 1)' 2>/dev/null ||
	skip "python3 is not built on OpenSSL 1.1.1 or later, whose key log this needs"

CLIENT_BOUND=$((60 * slow))
for side in serve call; do
	for kind in once turns ways carrier; do
		case $kind in
			once) step "$side: four processes write at once" ;;
			turns) step "$side: parent and child write by turns" ;;
			ways) step "$side: one process writes while another reads" ;;
			carrier) step "$side: four processes write at once, through a carrier" ;;
		esac
		fresh_port
		server_as server
		client_as client
		declare -n command=as_$([ $side = serve ] && echo server || echo client)
		timeout "$CLIENT_BOUND" /usr/bin/python3 "$root/tests/programs/nonces.py" $side \
			$kind "$port" "$tmp/pki" "${command[@]}" >"$tmp/peer.out" 2>&1 ||
			fail "$(tail -n 3 "$tmp/peer.out")"
	done
done
finish
