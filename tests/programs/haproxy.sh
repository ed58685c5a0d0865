#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# HAProxy between curl and nginx, TLS on both sides of it: TCP with splice, HTTP, and a reload.
. "$(dirname "$0")/lib.sh"
begin haproxy haproxy nginx curl /usr/bin/python3

# Both hops are the same two identities: HAProxy is server of one port and client of the other.
policies() # PORT
{
	free_port
	back=$free
	policies_with_hop "$1" "$back" "$back" "$1"
}

server() # PORT
{
	cat >"$tmp/nginx.conf" <<-EOT
		daemon off;
		pid $tmp/nginx.pid;
		error_log stderr notice;
		events { worker_connections 512; }
		http {
			access_log off;
			$(nginx_paths nginx)
			sendfile on;
			keepalive_requests 100000;
			server {
				listen 127.0.0.1:$back;
				root $tmp/www;
				location /echo { return 200 load-\$arg_text; }
				location /put/ {
					alias $tmp/nginx/;
					dav_methods PUT;
					client_max_body_size 0;
				}
				location /slow { limit_rate 100k; }
			}
		}
	EOT
	spawn nginx "${as_server[@]}" nginx -p "$tmp/nginx" -e stderr -c "$tmp/nginx.conf"
	await_listen "$back"
	cat >"$tmp/haproxy.conf" <<-EOT
		global
			maxconn 200
			$threads
		defaults
			mode $mode
			timeout connect 10s
			timeout client 30s
			timeout server 30s
			$options
		listen front
			bind 127.0.0.1:$1
			server nginx 127.0.0.1:$back
	EOT
	spawn server "${as_server[@]}" haproxy -W -p "$tmp/haproxy.pid" -f "$tmp/haproxy.conf"
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	local got
	got=$("${as_client[@]}" curl -sS --fail "http://localhost:$1/echo?text=$2") || return
	echo "${got#load-}"
}

fetch() # PATH CURL-OPTION...
{
	"${as_client[@]}" curl -sS --fail "${@:2}" "http://localhost:$port/$1"
}

new_worker() # OLD-WORKERS
{
	local now
	now=$(children "$server")
	[ -n "$now" ] && [[ $now != *"$1"* ]]
}

mkdir "$tmp/www" "$tmp/nginx"
chmod 0777 "$tmp/nginx"
head -c 40M </dev/urandom >"$tmp/www/big"
head -c 20M "$tmp/www/big" >"$tmp/upload"
head -c 300k "$tmp/www/big" >"$tmp/www/slow"
chmod 0644 "$tmp/www"/*

for kind in splice tcp http; do
	mode=tcp threads="nbthread 1" options=
	case $kind in
	splice) options=$(printf 'option splice-%s\n' auto request response) ;;
	http) mode=http threads="nbthread 2" ;;
	esac

	fresh_port
	server_as server
	CLIENT_BOUND=60 client_as client
	server "$port"
	step "$kind: what both hops show"
	eavesdrop "$port" "$back"
	answers "$port" "$marker"
	overheard
	if [ "$MODE" = bare ]; then
		wire_shows "$marker"
	else
		wire_hides "$marker"
		wire_is_tls13
	fi

	step "$kind: 40 MiB down and 20 MiB up"
	fetch big | cmp - "$tmp/www/big" || fail "the file arrived changed"
	fetch put/uploaded -T "$tmp/upload" && cmp "$tmp/upload" "$tmp/nginx/uploaded" ||
		fail "the upload arrived changed"

	step "$kind: a reload (USR2) under load, and a download that outlives it"
	rm -f "$tmp/slow.data"
	load_begins load- "http://localhost:$port/echo?text=a" "http://127.0.0.1:$port/echo?text=b"
	spawn slow "${as_client[@]}" curl -sS --fail -o "$tmp/slow.data" \
		"http://127.0.0.1:$port/slow"
	held=$spawned
	await "curl to receive something" test -s "$tmp/slow.data"
	session_right accept "$port" spiffe://test/client
	before=$(children "$server")
	kill -USR2 "$server"
	await "the slow download to end" ended "$held"
	cmp "$tmp/slow.data" "$tmp/www/slow" || fail "the slow download came to harm"
	load_goes_on "a reload"
	load_ends
	await "a new worker alone" new_worker "$before"
	answers "$port" and-again
	alive "$server" || fail "HAProxy has died"
	! grep -qE '\[(alert|crit|emerg)\]' "$tmp/nginx.out" || fail "nginx complains"
	stop_all
done

finish
