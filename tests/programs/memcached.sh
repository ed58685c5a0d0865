#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# memcached, whose threads pass connections on; netcat and a Python script as its clients.
. "$(dirname "$0")/lib.sh"
begin memcached memcached nc /usr/bin/python3

server() # PORT
{
	spawn server "${as_server[@]}" memcached -l 127.0.0.1 -p "$1" -U 0 -t 4 -u nobody -I 8m
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	local said
	said=$(printf 'set key 0 0 %d\r\n%s\r\nget key\r\nquit\r\n' "${#2}" "$2" |
		"${as_client[@]}" nc localhost "$1") || return
	said=$(tr -d '\r' <<<"$said")
	[ "$(wc -l <<<"$said")" -eq 4 ] || return 1
	sed -n 3p <<<"$said"
}

hold() # PORT
{
	mkfifo "$tmp/commands"
	exec {commands}<>"$tmp/commands"
	printf 'version\r\n' >&"$commands"
	spawn held "${as_client[@]}" nc localhost "$1" <"$tmp/commands"
	await "nc to be answered" grep -qs VERSION "$tmp/held.out"
}

trial

step "4,000 values of 0 to 2 MiB from 8 connections, compared"
fresh_port
server_as server
client_as client
server "$port"
"${as_client[@]}" /usr/bin/python3 - "$port" \
	>"$tmp/values.out" 2>&1 <<'PYTHON' || fail "values were lost or changed"
import os, random, socket, sys, threading

port = int(sys.argv[1])
pool = os.urandom(4 << 20)
troubles = []

def one(number):
    stream = socket.create_connection(("127.0.0.1", port)).makefile("rwb")
    chance = random.Random(number)
    for turn in range(500):
        size = chance.choice((0, 1, 100, 1000, 1400, 16384, 16385, 30000))
        if turn % 100 == 99:
            size = chance.randrange(1 << 21)
        start = chance.randrange(1 << 21)
        value, key = pool[start:start + size], b"%d-%d" % (number, turn % 50)
        stream.write(b"set %s 0 0 %d\r\n%s\r\nget %s\r\n" % (key, size, value, key))
        stream.flush()
        assert stream.readline() == b"STORED\r\n"
        assert stream.readline() == b"VALUE %s 0 %d\r\n" % (key, size)
        assert stream.read(size + 7) == value + b"\r\nEND\r\n", "changed"

def guarded(number):
    try:
        one(number)
    except BaseException as trouble:
        troubles.append(f"connection {number}: {trouble!r}")

threads = [threading.Thread(target=guarded, args=(n,)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit("\n".join(troubles) or 0)
PYTHON
answers "$port" still-there

finish
