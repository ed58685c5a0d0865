#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# redis: replicas by file and without a disk, chained and cut off, and mass insertion.
. "$(dirname "$0")/lib.sh"
begin replication redis-server redis-cli /usr/bin/python3

# A master, its replica, and that one's replica: servers of their ports and clients of the others'.
policies() # PORT
{
	free_port
	second=$free
	free_port
	third=$free
	pki_policy "$tmp/pki/$1-server.conf" server <<-EOT
		{ name = "$name in"; on = "accept"; ports = [$1, $second, $third]; mode = "strict";
		  peer = ["uri:spiffe://test/client", "uri:spiffe://test/server"]; },
		{ name = "$name on"; on = "connect"; ports = [$1, $second]; mode = "strict"; }
	EOT
	pki_policy "$tmp/pki/$1-client.conf" client <<-EOT
		{ name = "$name out"; on = "connect"; ports = [$1, $second, $third];
		  mode = "strict"; }
	EOT
}

redis() # PORT OPTION...
{
	mkdir -p "$tmp/$1"
	spawn "redis-$1" "${as_server[@]}" redis-server --port "$1" --bind 127.0.0.1 --save '' \
		--dir "$tmp/$1" --loglevel notice --repl-diskless-sync-delay 0 \
		--repl-backlog-size 64mb "${@:2}"
	await_listen "$1"
}

ask() # PORT COMMAND...
{
	"${as_client[@]}" redis-cli -e -h localhost -p "$1" "${@:2}"
}

info_says() # PORT LINE
{
	ask "$1" INFO replication | tr -d '\r' | grep -qx "$2"
}

same() # PORT PORT
{
	local one
	one=$(ask "$1" DEBUG DIGEST) && [ "$one" = "$(ask "$2" DEBUG DIGEST)" ] &&
		[ "$one" != 0000000000000000000000000000000000000000 ]
}

follows() # PORT MASTER
{
	AWAIT=20 await "port $1 to be in step with $2" info_says "$1" master_link_status:up
	await "the same data on $1 and $2" same "$1" "$2"
}

no_error()
{
	! grep -hE '^[0-9]+:[A-Z] .* # .*(rror|ailed|orrupt|Bad )' "$tmp/redis-$port.out" \
		"$tmp/redis-$second.out" || fail "redis complains"
}

# 50 MiB of values that no compression makes small, as the protocol has them.
mass()
{
	/usr/bin/python3 -c 'import os, sys
for i in range(800):
    key, value = b"%s-%d" % (sys.argv[1].encode(), i), os.urandom(64 << 10)
    sys.stdout.buffer.write(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (
        len(key), key, len(value), value))' "$1"
}

for way in no yes; do
	step "50 MiB by redis-cli --pipe, and a replica, diskless $way"
	fresh_port
	server_as server
	CLIENT_BOUND=60 client_as client
	redis "$port" --repl-diskless-sync $way --enable-debug-command local
	first=$spawned
	mass "way-$way" | ask "$port" --pipe >"$tmp/pipe.out" 2>&1 || fail "redis-cli --pipe failed"
	grep -q 'errors: 0, replies: 800' "$tmp/pipe.out" || fail "not all values were taken"
	# Only what a replica is sent afterwards, for the capture's sake.
	redis "$second" --enable-debug-command local \
		--repl-diskless-load "$([ $way = yes ] && echo swapdb || echo disabled)"
	ask "$second" REPLICAOF localhost "$port" >/dev/null || fail "no REPLICAOF"
	follows "$second" "$port"
	session_right accept "$port" spiffe://test/

	step "what is written meanwhile, seen on the wire of the replica"
	eavesdrop "$second" "$port"
	ask "$port" SET news "$marker" >/dev/null || fail "cannot write"
	follows "$second" "$port"
	[ "$(ask "$second" GET news)" = "$marker" ] || fail "the news did not arrive"
	overheard
	if [ "$MODE" = bare ]; then
		wire_shows "$marker"
	else
		wire_hides "$marker"
	fi
	[ $way = yes ] || { no_error && stop_all; }
done

step "a chain of three while a client writes 50 MiB, and a save meanwhile"
redis "$third" --enable-debug-command local --replicaof "127.0.0.1 $second"
third_pid=$spawned
mass more >"$tmp/mass"
spawn writer "${as_client[@]}" redis-cli -h 127.0.0.1 -p "$port" --pipe <"$tmp/mass"
writer=$spawned
ask "$port" BGSAVE >/dev/null || fail "no BGSAVE"
AWAIT=20 await "the writer to end" ended "$writer"
grep -q 'errors: 0, replies: 800' "$tmp/writer.out" || fail "not all values were taken"
follows "$second" "$port"
follows "$third" "$second"
same "$third" "$port" || fail "the third has other data than the first"

step "the link is cut and goes on where it was"
ask "$port" CLIENT KILL TYPE replica >/dev/null || fail "no CLIENT KILL"
ask "$port" SET news again >/dev/null || fail "cannot write"
await "a partial resynchronisation" grep -q 'Partial resynchronization request from' \
	"$tmp/redis-$port.out"
follows "$second" "$port"
no_error

step "the master is killed: the second takes its place, the third follows it"
kill -KILL "$first"
await "the second to learn of it" info_says "$second" master_link_status:down
ask "$second" REPLICAOF NO ONE >/dev/null || fail "no REPLICAOF NO ONE"
ask "$second" SET news third >/dev/null || fail "the second does not take what is new"
follows "$third" "$second"
[ "$(ask "$third" GET news)" = third ] || fail "the third did not hear"
alive "$third_pid" || fail "the third has died"

finish
