#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# KeyUpdates and tickets of another TLS library wake nobody into a read that blocks.
. "$(dirname "$0")/lib.sh"
begin keyupdate /usr/bin/python3
here=$root/tests/programs
python=/usr/bin/python3
if [ "$MODE" = bare ]; then
	skip "without TLS there is no KeyUpdate"
fi

# shellcheck disable=SC2317 # called by await
idle_since() # TIMES
{
	[ "$(grep -c '^idle' "$tmp/program.out")" -gt "$1" ]
}

# The program's loop goes round: it waits, and is not in a read.
goes_round() # WHEN
{
	await "an idle program $1" idle_since "$(($(grep -c '^idle' "$tmp/program.out") + 1))"
}

# openssl's commands are lines that begin with K (update, and ask for the peer's) or k (update).
openssl_says()
{
	echo "$1" >&"$typed"
}

updates() # COMMAND...
{
	local letter count=0
	for letter in "$@"; do
		openssl_says "$letter"
		count=$((count + 1))
		await "openssl's KeyUpdate" updated "$count"
		goes_round "after KeyUpdate $count"
	done
}

# shellcheck disable=SC2317 # called by await
updated() # COUNT
{
	[ "$(grep -cE '^(KEYUPDATE|SSL_do_handshake)' "$tmp/openssl.out")" -ge "$1" ]
}

for how in poll select epoll; do
	rm -f "$tmp/typed" "$tmp"/*.out
	mkfifo "$tmp/typed"
	exec {typed}<>"$tmp/typed"

	step "$how: a server, and openssl s_client updates its keys"
	fresh_port
	server_as server
	spawn program "${as_server[@]}" "$python" "$here/blocking.py" serve "$how" "$port"
	await_listen "$port"
	# shellcheck disable=SC2046 # several words
	spawn openssl openssl s_client -connect "127.0.0.1:$port" -verify_hostname localhost \
		$(openssl_as client) <"$tmp/typed"
	openssl_says "first words"
	await "an echo" grep -q '^first words' "$tmp/openssl.out"
	updates K k K
	openssl_says "words under new keys"
	await "an echo under new keys" grep -q '^words under new keys' "$tmp/openssl.out"
	stop_all

	step "$how: a client, and openssl s_server sends tickets and updates its keys"
	rm -f "$tmp"/*.out
	fresh_port
	client_as client
	# shellcheck disable=SC2046 # several words
	spawn openssl openssl s_server -accept "127.0.0.1:$port" -Verify 1 -num_tickets 4 \
		$(openssl_as server) <"$tmp/typed"
	await_listen "$port"
	spawn program "${as_client[@]}" "$python" "$here/blocking.py" connect "$how" "$port"
	await "the client's words" grep -q '^hello' "$tmp/openssl.out"
	goes_round "after the tickets"
	updates K K K # s_server does not say at once that it did k
	openssl_says "words under new keys"
	await "words under new keys" grep -q '^got words under new keys' "$tmp/program.out"
	stop_all
	exec {typed}>&-
done
captured=none
finish
