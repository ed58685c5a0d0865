#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# nginx as server with curl and wrk: edge-triggered epoll, sendfile, workers that drop privileges.
. "$(dirname "$0")/lib.sh"
begin nginx nginx curl wrk
size=200
[ "${SLEEVE_FULL:-0}" = 1 ] && size=1024

write_config() # PORT
{
	mkdir -p "$tmp/www" "$tmp/nginx"
	chmod 0777 "$tmp/nginx"
	cat >"$tmp/nginx.conf" <<-EOT
		daemon off;
		worker_processes 2;
		pid $tmp/nginx.pid;
		error_log stderr notice;
		events { worker_connections 512; }
		http {
			access_log off;
			$(nginx_paths nginx)
			default_type text/plain;
			sendfile on;
			tcp_nopush on;
			keepalive_requests 100000;
			server {
				listen 127.0.0.1:$1;
				root $tmp/www;
				location /echo { return 200 \$arg_text; }
				location /slow { limit_rate 100k; }
				location /put/ {
					alias $tmp/nginx/;
					dav_methods PUT;
					client_max_body_size 0;
				}
			}
		}
	EOT
}

server() # PORT
{
	write_config "$1"
	spawn server "${as_server[@]}" nginx -p "$tmp/nginx" -e stderr -c "$tmp/nginx.conf"
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	"${as_client[@]}" curl -sS --fail "http://localhost:$1/echo?text=$2"
}

# A download that the server gives slowly.
hold() # PORT
{
	head -c 4M /dev/zero >"$tmp/www/slow"
	chmod 0644 "$tmp/www/slow"
	spawn held "${as_client[@]}" curl -sS -o "$tmp/held.data" "http://127.0.0.1:$1/slow"
	await "curl to receive something" test -s "$tmp/held.data"
}

trial

step "curl's own TLS and GnuTLS against the sleeved nginx"
fresh_port
server_as server
server "$port"
pki=$tmp/pki
if [ "$MODE" != bare ]; then
	[ "$(curl -sS --fail --tlsv1.3 --cacert "$pki/ca.crt" --cert "$pki/client.crt" \
		--key "$pki/client.key" "https://localhost:$port/echo?text=own-tls")" = own-tls ] ||
		fail "curl --cert was not served"
	! curl -sS --fail --tlsv1.3 --cacert "$pki/ca.crt" \
		"https://localhost:$port/echo?text=no-cert" >"$tmp/curl.out" 2>&1 ||
			fail "curl without a certificate was served"
	reported server no_client_certificate
	if command -v gnutls-cli >/dev/null; then
		printf 'GET /echo?text=%s HTTP/1.0\r\n\r\n' "$marker" |
			timeout 20 gnutls-cli --logfile="$tmp/gnutls.out" \
				--x509cafile "$pki/ca.crt" --x509certfile "$pki/client.crt" \
				--x509keyfile "$pki/client.key" -p "$port" localhost 2>&1 |
			grep -q "$marker" || fail "gnutls-cli was not served"
	fi
fi

step "a file of $size MiB by sendfile, compared by checksum"
head -c "${size}M" </dev/urandom >"$tmp/www/big"
chmod 0644 "$tmp/www/big"
sum=$(sha256sum <"$tmp/www/big")
CLIENT_BOUND=60 client_as client
[ "$("${as_client[@]}" curl -sS --fail "http://localhost:$port/big" | sha256sum)" = "$sum" ] ||
	fail "the file arrived changed"
head -c 20M "$tmp/www/big" >"$tmp/small"
"${as_client[@]}" curl -sS --fail -T "$tmp/small" "http://localhost:$port/put/uploaded" ||
	fail "the upload failed"
cmp "$tmp/small" "$tmp/nginx/uploaded" || fail "the upload arrived changed"
"${as_client[@]}" curl -sS --fail -r 1000-16385000 "http://127.0.0.1:$port/big" |
	cmp - <(head -c 16385001 "$tmp/www/big" | tail -c +1001) || fail "a range arrived changed"

step "many connections: curl in parallel, one connection a request, then wrk"
seq 1 200 | sed "s|.*|url = \"http://localhost:$port/echo?text=word-&.\"|" >"$tmp/urls"
"${as_client[@]}" curl -sS --fail --parallel --parallel-max 40 -H 'Connection: close' \
	-K "$tmp/urls" >"$tmp/parallel.out" 2>>"$tmp/client.out" || fail "curl --parallel failed"
[ "$(grep -o 'word-[0-9]*\.' "$tmp/parallel.out" | sort -u | wc -l)" -eq 200 ] ||
	fail "not all of 200 answers came"
"${as_client[@]}" wrk -t 2 -c 50 -d 2s "http://localhost:$port/echo?text=wrk" \
	>"$tmp/wrk.out" 2>&1 || fail "wrk failed"
! grep -qE 'Socket errors|Non-2xx' "$tmp/wrk.out" || fail "wrk met errors"
[ "$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$tmp/wrk.out")" -gt 100 ] ||
	fail "wrk was not served"
alive "$server" || fail "nginx has died"
! grep -qE '\[(alert|crit|emerg)\]' "$tmp/server.out" || fail "nginx complains"

finish
