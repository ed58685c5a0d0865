#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Java: an NIO selector and blocking sockets, each against the other.
. "$(dirname "$0")/lib.sh"
begin java java javac
javac -d "$tmp/classes" "$root"/tests/programs/Echo*.java >"$tmp/javac.out" 2>&1 ||
	fail "javac failed"
java=(java -cp "$tmp/classes" -XX:TieredStopAtLevel=1 -Xshare:auto -XX:+UseSerialGC)

server() # PORT
{
	spawn server "${as_server[@]}" "${java[@]}" EchoServer "$server_kind" "$1"
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	"${as_client[@]}" "${java[@]}" EchoClient "$client_kind" localhost "$1" say "$2"
}

hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" "${java[@]}" EchoClient "$client_kind" localhost "$1" hold
	await "the client to be answered" grep -qs held "$tmp/held.out"
}

for kinds in "nio blocking" "blocking nio"; do
	read -r server_kind client_kind <<<"$kinds"
	name=java-$server_kind
	trial
	step "32 MiB there and back at once, to a server with $server_kind sockets"
	for client_kind in nio blocking; do
		fresh_port
		server_as server
		client_as client
		server "$port"
		"${as_client[@]}" "${java[@]}" EchoClient "$client_kind" 127.0.0.1 "$port" \
			bulk 32 >>"$tmp/client.out" 2>&1 ||
			fail "the bytes did not come back to a $client_kind client"
		answers "$port" and-again
		stop_all
	done
done

finish
