#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# redis-server, redis-cli and redis-benchmark.
. "$(dirname "$0")/lib.sh"
begin redis redis-server redis-cli redis-benchmark

server() # PORT
{
	spawn server "${as_server[@]}" redis-server --port "$1" --bind 127.0.0.1 --save '' \
		--dir "$tmp" --loglevel warning
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	"${as_client[@]}" redis-cli -e -h localhost -p "$1" EVAL \
		"redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])" 1 key "$2"
}

hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" redis-cli -h localhost -p "$1" SUBSCRIBE news
	await "redis-cli to subscribe" grep -qs subscribe "$tmp/held.out"
}

trial

step "redis-benchmark, one request at a time and pipelined"
fresh_port
server_as server
client_as client
server "$port"
for pipeline in 1 16; do
	"${as_client[@]}" redis-benchmark -h 127.0.0.1 -p "$port" -c 50 -n 20000 -d 1024 -r 1000 \
		-P "$pipeline" -t set,get,lpush,lrange_100 --csv >"$tmp/benchmark.out" 2>&1 ||
		fail "redis-benchmark failed"
	[ "$(grep -c '^"[^"]*","[0-9.]*"' "$tmp/benchmark.out")" -eq 5 ] ||
		fail "redis-benchmark did not finish its five tests"
	! grep -qi error "$tmp/benchmark.out" || fail "redis-benchmark met an error"
done
stop_all

step "launched by sleeve-run, on a name and on an address"
fresh_port
if [ "$MODE" != bare ]; then
	launch=("SLEEVE_RUNDIR=$tmp/run" ${PRELOAD_BEHIND:+"LD_PRELOAD=$PRELOAD_BEHIND"}
		"$root/tools/sleeve-run")
	as_server=(env "${launch[@]}" --policy "$tmp/pki/$port-server.conf"
		--service "$name" --log "info:$tmp/log/server" --)
	as_client=(timeout $((30 * slow)) env "${launch[@]}"
		--policy "$tmp/pki/$port-client.conf" --)
fi
server "$port"
answers "$port" "$marker"
hold "$port"
session_right accept "$port" spiffe://test/client
"${as_client[@]}" redis-cli -h 127.0.0.1 -p "$port" PUBLISH news "$marker" >/dev/null ||
	fail "redis-cli cannot publish"
await "the news to arrive" grep -q "$marker" "$tmp/held.out"
[ "$("${as_client[@]}" redis-cli -h 127.0.0.1 -p "$port" ECHO hello)" = hello ] ||
	fail "redis-cli by address"
stop_all

finish
