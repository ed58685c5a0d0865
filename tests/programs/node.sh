#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Node's net and http: libuv's event loop, which closes every socket through syscall(2); in one
# process, and where one accepts for others.
. "$(dirname "$0")/lib.sh"
begin node node
here=$root/tests/programs

server() # PORT
{
	spawn server "${as_server[@]}" node "$here/node.js" "$kind" "$role" "$1"
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	"${as_client[@]}" node "$here/node.js" "$kind" localhost "$1" say "$2"
}

# An http connection without a request would be idle; a keep-alive agent holds it after one.
hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" node "$here/node.js" "$kind" localhost "$1" hold
	await "the client to be answered" grep -qs held "$tmp/held.out"
}

for what in "net serve" "http serve" "http cluster" "net children"; do
	read -r kind role <<<"$what"
	name=node-$kind-$role
	server_engine=
	[ "$role" = serve ] || server_engine=carrier
	trial
	step "32 MiB there and back at once"
	fresh_port
	server_as server
	client_as client
	server "$port"
	"${as_client[@]}" node "$here/node.js" "$kind" 127.0.0.1 "$port" bulk 32 \
		>>"$tmp/client.out" 2>&1 ||
		fail "the bytes did not come back"
	answers "$port" and-again
	stop_all
done

name=node
finish
