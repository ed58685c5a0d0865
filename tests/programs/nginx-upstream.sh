#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# nginx as reverse proxy: plaintext from curl, TLS from the proxy to its upstream, kept or not.
. "$(dirname "$0")/lib.sh"
begin upstream nginx curl wrk

nginx_with() # NAME WRAP... : starts nginx with the http block read from standard input
{
	mkdir -p "$tmp/$1" "$tmp/www"
	chmod 0777 "$tmp/$1"
	{
		cat <<-EOT
			daemon off;
			pid $tmp/$1/pid;
			error_log stderr notice;
			events { worker_connections 512; }
			http {
				access_log off;
				$(nginx_paths "$1")
				default_type text/plain;
				keepalive_requests 100000;
		EOT
		cat
		echo '}'
	} >"$tmp/$1.conf"
	spawn "$1" "${@:2}" nginx -p "$tmp/$1" -e stderr -c "$tmp/$1.conf"
}

server() # PORT
{
	nginx_with server "${as_server[@]}" <<-EOT
		server {
			listen 127.0.0.1:$1;
			root $tmp/www;
			location /echo { return 200 \$arg_text; }
			location /slow { limit_rate 100k; }
		}
	EOT
	server=$spawned
	await_listen "$1"
}

# The proxy is the client here, for as long as it lives: without the first two words, which are the
# bound.  Its own listening port is in no rule and stays plaintext.  max_fails=0: where localhost is
# ::1, too, nginx would leave an address alone for ten seconds after a failure.
proxy() # PORT
{
	free_port
	front=$free
	nginx_with proxy "${as_client[@]:2}" <<-EOT
		upstream kept { server localhost:$1 max_fails=0; keepalive 8; }
		upstream once { server localhost:$1 max_fails=0; }
		server {
			listen 127.0.0.1:$front;
			location /once/ { proxy_pass http://once/; }
			location / {
				proxy_pass http://kept;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
			}
		}
	EOT
	proxy=$spawned
	await_listen "$front"
}

client() # PORT TEXT
{
	proxy "$1"
	timeout 30 curl -sS --fail "http://127.0.0.1:$front/echo?text=$2"
	local status=$?
	stop "$proxy"
	return "$status"
}

# A download that the upstream gives slowly.
hold() # PORT
{
	head -c 4M /dev/zero >"$tmp/www/slow"
	chmod 0644 "$tmp/www/slow"
	proxy "$1"
	spawn held timeout 30 curl -sS -o "$tmp/held.data" "http://127.0.0.1:$front/slow"
	await "curl to receive something" test -s "$tmp/held.data"
}

trial

fresh_port
server_as server
client_as client
server "$port"
proxy "$port"

step "a file through the proxy, compared by checksum"
head -c 60M </dev/urandom >"$tmp/www/big"
chmod 0644 "$tmp/www/big"
for path in big once/big; do
	timeout 40 curl -sS --fail "http://127.0.0.1:$front/$path" | cmp - "$tmp/www/big" ||
		fail "the file arrived changed through /$path"
done

step "wrk through the proxy, with kept upstream connections and with new ones"
for path in echo once/echo; do
	timeout 30 wrk -t 1 -c 20 -d 2s "http://127.0.0.1:$front/$path?text=x" \
		>"$tmp/wrk.out" 2>&1 || fail "wrk failed"
	! grep -qE 'Socket errors|Non-2xx' "$tmp/wrk.out" || fail "wrk met errors on /$path"
	[ "$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$tmp/wrk.out")" -gt 100 ] ||
		fail "wrk was not served"
done

step "the upstream goes away and comes back"
stop "$server"
[ "$(timeout 20 curl -s -o /dev/null -w '%{http_code}' \
	"http://127.0.0.1:$front/echo?text=x")" = 502 ] ||
	fail "the proxy does not say 502 while its upstream is away"
server "$port"
[ "$(timeout 20 curl -s "http://127.0.0.1:$front/once/echo?text=back")" = back ] ||
	fail "the proxy does not find its upstream again"
! grep -qE '\[(alert|crit|emerg)\]' "$tmp/server.out" || fail "nginx complains"

finish
