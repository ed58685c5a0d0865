#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# redis with 200 connections at once, 1,000 values of random size each, compared by checksum.
. "$(dirname "$0")/lib.sh"
begin redis-values redis-server redis-cli /usr/bin/python3
ulimit -n 4096 2>/dev/null

step "200 connections, 1,000 values of random size each"
fresh_port
server_as server
CLIENT_BOUND=100 client_as client
spawn server "${as_server[@]}" redis-server --port "$port" --bind 127.0.0.1 --save '' \
	--dir "$tmp" --loglevel warning
await_listen "$port"
spawn values "${as_client[@]}" /usr/bin/python3 \
	"$root/tests/programs/redis-values.py" localhost "$port"
session_right accept "$port" spiffe://test/client
session_right connect "$port" localhost
wait "$spawned" || fail "values were lost or changed"
grep -q '^same ' "$tmp/values.out" || fail "the client does not say that all is the same"
client_as client
[ "$("${as_client[@]}" redis-cli -h localhost -p "$port" DBSIZE)" = 200000 ] ||
	fail "redis does not hold 200,000 values"

finish
