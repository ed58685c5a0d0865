#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Peers that misbehave: each gets the right end, the program the right errno, and nobody else waits.
. "$(dirname "$0")/lib.sh"
begin bad-peers redis-server redis-cli /usr/bin/python3
ulimit -n 4096 2>/dev/null
here=$root/tests/programs
python=/usr/bin/python3
if [ "$MODE" = bare ]; then
	skip "without TLS there is nothing that a peer could break"
fi

server() # PORT
{
	if [ "$what" = redis ]; then
		spawn server "${as_server[@]}" redis-server --port "$1" --bind 127.0.0.1 --save '' \
			--dir "$tmp" --loglevel warning --maxclients 3000
	else
		spawn server "${as_server[@]}" "$python" "$here/serve.py" "$what" "$1"
	fi
	server=$spawned
	await_listen "$1"
}

# A well-behaved client of whichever server it is.
served()
{
	if [ "$what" = redis ]; then
		[ "$("${as_client[@]}" redis-cli -h localhost -p "$port" PING \
			2>>"$tmp/client.out")" = PONG ]
	else
		[ "$("${as_client[@]}" "$python" "$here/talk.py" threading localhost "$port" \
			say fine 2>>"$tmp/client.out")" = fine ]
	fi || fail "a good client is not served: $1"
}

fresh_server() # KIND
{
	what=$1
	fresh_port
	server_as server
	client_as client
	rm -f "$tmp"/log/* "$tmp"/*.out
	server "$port"
}

# bad_peer WHAT REASON...: it ends, nothing of the program comes back, and the log knows why.
bad_peer()
{
	local said reason
	said=$(timeout 20 "$python" "$here/bad.py" send "$port" "$1") ||
		fail "a peer that sends $1 was left waiting"
	! grep -qi "$(printf 'PONG' | od -An -tx1 | tr -d ' \n')" <<<"$said" ||
		fail "a peer that sends $1 got an answer of the program: $said"
	shift
	AWAIT=8
	await "one of the reasons $*" any_reported "$@"
	rm -f "$tmp"/log/*
}

# shellcheck disable=SC2317 # called by await
any_reported()
{
	local reason
	for reason in "$@"; do
		reason_given server "$reason" && return
	done
	return 1
}

for kind in redis asyncio threading; do
	fresh_server "$kind"
	step "$kind: plaintext, garbage, half a ClientHello, a record too long"
	served "before any bad peer"
	bad_peer plaintext not_tls
	bad_peer garbage not_tls bad_record
	bad_peer half peer_closed
	bad_peer hello-then-garbage bad_record peer_closed no_common_parameters
	bad_peer huge not_tls bad_record
	served "after the bad peers"
	stop_all
done

step "openssl without a certificate, with TLS 1.2 only"
fresh_server redis
echo PING | timeout 20 openssl s_client -connect "127.0.0.1:$port" -quiet -tls1_3 \
	-CAfile "$tmp/pki/ca.crt" >"$tmp/s_client.out" 2>&1
! grep -q PONG "$tmp/s_client.out" || fail "a peer without a certificate was served"
reported server no_client_certificate
echo PING | timeout 20 openssl s_client -connect "127.0.0.1:$port" -quiet -tls1_2 \
	-CAfile "$tmp/pki/ca.crt" -cert "$tmp/pki/client.crt" -key "$tmp/pki/client.key" \
	>"$tmp/s_client.out" 2>&1
! grep -q PONG "$tmp/s_client.out" || fail "a peer that speaks TLS 1.2 was served"
reported server no_common_parameters
served "after the two"
stop_all

# The time limit is part of the rule, so that the end of the silent ones can be awaited, too.  A
# good client has it as well, and comes while a thousand threads of Python print why they end.
for kind in redis threading; do
	step "$kind: 1,000 silent peers do not stop the next one"
	rule_extra="handshake_timeout = $((5 * slow)).0;" fresh_server "$kind"
	spawn silent "$python" "$here/bad.py" silent "$port" 1000
	await "1,000 silent peers" grep -qs connected "$tmp/silent.out"
	for _ in 1 2 3; do
		served "while 1,000 peers are silent"
	done
	AWAIT=25
	await "the end of the silent peers" grep -qs ended "$tmp/silent.out"
	unset AWAIT
	reported server handshake_timeout
	served "after the silent peers"
	stop_all
done

# Carriers that live: a zombie is gone but for whoever reaps orphans here.
carriers()
{
	ps -e -o stat=,comm= | grep -c '^[^Z].*sleeve-carrier'
}

# shellcheck disable=SC2317 # called by await
closed() # COUNT
{
	[ "$(grep -c closing "$tmp/server.out")" -ge "$1" ]
}

step "400 silent peers of a server that closes at once: not a process for each"
rule_extra="handshake_timeout = $((5 * slow)).0;" fresh_server closing
before=$(carriers)
spawn silent "$python" "$here/bad.py" silent "$port" 400
await "the server to have closed them" closed 400
count=$(($(carriers) - before))
[ "$count" -le 128 ] || fail "$count processes care for peers that say nothing"
AWAIT=25
await "the end of the silent peers" grep -qs ended "$tmp/silent.out"
unset AWAIT
stop_all

# The client program goes through a relay; the certificate is for localhost, where the relay is.
relayed() # HOW [N]: the relay listens on $free, which has the client's rule as well
{
	local target=$port
	free_port
	port=$free
	policies "$port"
	client_as client
	spawn relay "$python" "$here/bad.py" relay "$port" "$target" "$@"
	await_listen "$port"
	relay=$spawned
	relay_port=$port
	port=$target
}

patient() # COUNT [first]: starts it with its standard input on $go
{
	rm -f "$tmp/go" "$tmp/patient.out"
	mkfifo "$tmp/go"
	exec {go}<>"$tmp/go"
	spawn patient "${as_client[@]}" "$python" "$here/patient.py" localhost "$relay_port" \
		"$@" <"$tmp/go"
	await "the client to have sent" grep -qsE 'sent|bytes' "$tmp/patient.out"
}

# The server's session has given COUNT bytes back.
# shellcheck disable=SC2317 # called by await
echoed() # COUNT
{
	sessions
	jq -e --arg port "$port" --argjson count "$1" 'any(.[]; .side == "accept" and
		(.local | endswith(":" + $port)) and .bytes_out >= $count)' \
		"$tmp/sessions.json" >/dev/null
}

step "a blocking write waits for the handshake, whatever the program does next"
fresh_server asyncio
relayed cut
patient 20000
await "the echo of what was written" echoed 20000
echo >&"$go"
stop "$spawned"
stop_all

for kind in asyncio threading forking; do
	step "$kind: a bare FIN is ECONNRESET, after all data"
	fresh_server "$kind"
	relayed cut
	patient 20000 first
	await "the echo to be on its way" echoed 20000
	kill -USR1 "$relay"
	await "the relay to cut" grep -q cut "$tmp/relay.out"
	echo >&"$go"
	await "the client to end" ended "$spawned"
	grep -qx '20000 bytes, same, ECONNRESET' "$tmp/patient.out" ||
		fail "the client saw: $(tail -n 2 "$tmp/patient.out")"
	reported client truncated
	reported server truncated
	client_as client
	served "after the cut"
	stop_all
done

step "a bare FIN where the rule says truncated = eof"
rule_extra='truncated = "eof";' fresh_server asyncio
rule_extra='truncated = "eof";' relayed cut
patient 20000 first
await "the echo to be on its way" echoed 20000
kill -USR1 "$relay"
await "the relay to cut" grep -q cut "$tmp/relay.out"
echo >&"$go"
await "the client to end" ended "$spawned"
grep -qx '20000 bytes, same, end' "$tmp/patient.out" ||
	fail "the client saw: $(tail -n 2 "$tmp/patient.out")"
stop_all

# The handshake is over well before byte 12,000 of either direction; the flip hits a later record.
for how in up down; do
	step "a flipped bit on the way $how"
	fresh_server threading
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" "$python" "$here/talk.py" threading localhost "$port" hold
	await "another client to be served" grep -qs held "$tmp/held.out"
	held=$spawned
	relayed "$how" 60000
	patient 200000 first
	echo >&"$go"
	client_as client
	served "while a record is broken"
	await "the client to end" ended "$spawned"
	grep -q flipped "$tmp/relay.out" || fail "the relay has not flipped anything"
	# TCP has EPIPE for who is still writing when it comes to know (a reset behind the FIN).
	grep -qE '^[0-9]+ bytes, same, ECONNRESET|^0 bytes, same, EPIPE' "$tmp/patient.out" ||
		fail "the client saw: $(tail -n 2 "$tmp/patient.out")"
	if [ "$how" = up ]; then reported server bad_record; else reported client bad_record; fi
	alive "$held" || fail "another connection was hurt"
	served "after the broken record"
	stop_all
done

finish
