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

# misbehave SCRIPT SIDE ARGUMENT...: SIDE is the program's
misbehave()
{
	local script=$1 side=$2
	shift 2
	server_as server
	client_as client
	local -n command=as_$([ "$side" = serve ] && echo server || echo client)
	timeout "$CLIENT_BOUND" "$python" "$here/$script" "$@" "$tmp/pki" "$BUILD/sleeve" \
		"${command[@]}" >"$tmp/peer.out" 2>&1 || fail "$(tail -n 3 "$tmp/peer.out")"
}

CLIENT_BOUND=$((60 * slow))
for kind in blocking edge; do
	for side in serve call; do
		for version in 1.3 1.2; do
			step "after the handshake: $kind, $side, TLS $version"
			rule_extra=
			[ "$version" = 1.3 ] || rule_extra='profile = "intermediate";'
			fresh_port
			misbehave hostile-records.py "$side" "$kind" "$side" "$port" "$version"
		done
	done
done

rule_extra=
for side in serve call; do
	step "in the handshake: $side"
	fresh_port
	misbehave hostile-handshake.py "$side" required "$side" "$port"
done

# Names that nobody has verified are no names, though a rule asks for none.
for clients in none optional; do
	step "in the handshake: clients = \"$clients\""
	fresh_port
	pki_policy "$tmp/pki/$port-server.conf" server <<-EOT
		{ name = "$name in"; on = "accept"; from = ["127.0.0.0/8"]; ports = [$port];
		  mode = "strict"; clients = "$clients"; }
	EOT
	misbehave hostile-handshake.py serve "$clients" serve "$port"
done

finish
