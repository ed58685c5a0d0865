#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Python: http.server, asyncio, socketserver with threads and with forks; clients of four kinds.
. "$(dirname "$0")/lib.sh"
begin python /usr/bin/python3 curl
here=$root/tests/programs

server() # PORT
{
	spawn server "${as_server[@]}" /usr/bin/python3 "$here/serve.py" "$kind" "$1"
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	"${as_client[@]}" /usr/bin/python3 "$here/talk.py" "$kind" localhost "$1" say "$2"
}

hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" /usr/bin/python3 "$here/talk.py" "$kind" localhost "$1" hold
	await "the client to be answered" grep -qs held "$tmp/held.out"
}

for kind in http asyncio threading forking; do
	name=python-$kind
	trial
	step "24 MiB there and back at once"
	fresh_port
	server_as server
	client_as client
	server "$port"
	"${as_client[@]}" /usr/bin/python3 "$here/talk.py" "$kind" 127.0.0.1 "$port" bulk 24 \
		>>"$tmp/client.out" 2>&1 || fail "the bytes did not come back"
	answers "$port" and-again
	stop_all
done

name=python
step "python3 -m http.server and a file"
fresh_port
server_as server
client_as client
mkdir "$tmp/www"
head -c 20M </dev/urandom >"$tmp/www/file"
spawn server "${as_server[@]}" /usr/bin/python3 -m http.server --bind 127.0.0.1 \
	-d "$tmp/www" "$port"
await_listen "$port"
"${as_client[@]}" /usr/bin/python3 -c 'import sys, urllib.request, shutil
shutil.copyfileobj(urllib.request.urlopen(sys.argv[1]), sys.stdout.buffer)' \
	"http://localhost:$port/file" |
	cmp - "$tmp/www/file" || fail "the file arrived changed"
if [ "$MODE" != bare ]; then
	curl -sS --fail --tlsv1.3 --cacert "$tmp/pki/ca.crt" --cert "$tmp/pki/client.crt" \
		--key "$tmp/pki/client.key" "https://localhost:$port/file" |
		cmp - "$tmp/www/file" ||
		fail "the file arrived changed in curl's own TLS"
fi

finish
