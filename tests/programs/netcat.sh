#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # expanded by an inner shell
# netcat on both sides: blocking reads behind poll, standard streams, half-close either way round.
. "$(dirname "$0")/lib.sh"
begin netcat nc /usr/bin/python3

# An echo: what nc prints goes back into it.
server() # PORT
{
	rm -f "$tmp/loop"
	mkfifo "$tmp/loop"
	spawn server bash -c 'loop=$1; shift; exec 3<>"$loop"; "$@" <&3 3>&- | cat >&3' \
		echo "$tmp/loop" "${as_server[@]}" nc -k -l 127.0.0.1 "$1"
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	netcat_talk nc "$@"
}

hold() # PORT
{
	netcat_hold nc "$1"
}

trial

head -c 5M </dev/urandom >"$tmp/there"
head -c 7M </dev/urandom >"$tmp/back"

step "the client half-closes, the server answers afterwards"
fresh_port
server_as server
client_as client
spawn server "${as_server[@]}" /usr/bin/python3 -c '
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
peer = server.accept()[0]
with open(sys.argv[2], "wb") as there, open(sys.argv[3], "rb") as back:
    while data := peer.recv(65536):
        there.write(data)
    peer.sendall(back.read())
' "$port" "$tmp/there.got" "$tmp/back"
await_listen "$port"
"${as_client[@]}" nc -N localhost "$port" <"$tmp/there" >"$tmp/back.got" 2>>"$tmp/client.out" ||
	fail "nc -N failed"
cmp "$tmp/there" "$tmp/there.got" || fail "what was sent before the half-close arrived changed"
cmp "$tmp/back" "$tmp/back.got" || fail "what was answered after the half-close arrived changed"
stop_all

step "the server half-closes, the client goes on"
fresh_port
server_as server
client_as client
rm -f "$tmp"/*.got
spawn server bash -c 'there=$1 back=$2; shift 2; exec "$@" >"$there" <"$back"' \
	nc "$tmp/there.got" "$tmp/back" "${as_server[@]}" nc -N -l 127.0.0.1 "$port"
await_listen "$port"
"${as_client[@]}" /usr/bin/python3 -c '
import socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
with open(sys.argv[3], "wb") as back, open(sys.argv[2], "rb") as there:
    while data := peer.recv(65536):
        back.write(data)
    peer.sendall(there.read())
' "$port" "$tmp/there" "$tmp/back.got" >>"$tmp/client.out" 2>&1 || fail "the client failed"
await "nc -l to end" ended "$spawned"
cmp "$tmp/there" "$tmp/there.got" || fail "what was sent after the half-close arrived changed"
cmp "$tmp/back" "$tmp/back.got" || fail "what was sent before the half-close arrived changed"
stop_all

step "netcat to netcat, one way, each end the first to close"
fresh_port
server_as server
client_as client
spawn receiver bash -c 'exec "${@:2}" >"$1"' nc "$tmp/one.got" \
	"${as_server[@]}" nc -l 127.0.0.1 "$port"
await_listen "$port"
"${as_client[@]}" nc -N 127.0.0.1 "$port" <"$tmp/there" >>"$tmp/client.out" 2>&1 ||
	fail "nc -N failed"
await "nc -l to end" ended "$spawned"
cmp "$tmp/there" "$tmp/one.got" || fail "the file arrived changed"
stop_all
fresh_port
server_as server
client_as client
spawn sender bash -c 'exec "${@:2}" <"$1"' nc "$tmp/back" \
	"${as_server[@]}" nc -N -l 127.0.0.1 "$port"
await_listen "$port"
"${as_client[@]}" nc -d 127.0.0.1 "$port" >"$tmp/one.got" 2>>"$tmp/client.out" ||
	fail "nc -d failed"
cmp "$tmp/back" "$tmp/one.got" || fail "the file arrived changed"

finish
