#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# gunicorn's forked workers, and PHP-FPM behind nginx: uploads, reloads under load, killed workers.
. "$(dirname "$0")/lib.sh"
begin gunicorn gunicorn nginx curl /usr/bin/python3

# The front of PHP is server of one port and client of FastCGI's.
policies() # PORT
{
	free_port
	fastcgi=$free
	policies_with_hop "$1" "$fastcgi" "$fastcgi" "$1"
}

server_gunicorn() # PORT
{
	spawn server env "GO=$tmp/go" "${as_server[@]}" gunicorn --chdir "$root/tests/programs" \
		--workers 2 --bind "127.0.0.1:$1" --worker-tmp-dir "$tmp" --graceful-timeout 20 \
		--log-level info wsgi:application
	server=$spawned
	await_listen "$1"
}

server_php() # PORT
{
	cat >"$tmp/fpm.conf" <<-EOT
		[global]
		daemonize = no
		error_log = $tmp/fpm.out
		process_control_timeout = 20s
		[pool]
		listen = 127.0.0.1:$fastcgi
		pm = static
		pm.max_children = 3
		catch_workers_output = yes
		env[GO] = $tmp/go
		php_admin_value[post_max_size] = 64M
		$([ "$(id -u)" -ne 0 ] || printf 'user = www-data\ngroup = www-data\n')
	EOT
	cat >"$tmp/nginx.conf" <<-EOT
		daemon off;
		pid $tmp/nginx.pid;
		error_log stderr notice;
		events { worker_connections 512; }
		http {
			access_log off;
			$(nginx_paths nginx)
			client_max_body_size 0;
			keepalive_requests 100000;
			upstream php { server 127.0.0.1:$fastcgi; }
			server {
				listen 127.0.0.1:$1;
				location / {
					fastcgi_pass php;
					fastcgi_buffering off;
					fastcgi_param SCRIPT_FILENAME $tmp/index.php;
					fastcgi_param REQUEST_METHOD \$request_method;
					fastcgi_param CONTENT_LENGTH \$content_length;
					fastcgi_param CONTENT_TYPE application/octet-stream;
					fastcgi_param PATH_INFO \$uri;
					fastcgi_param QUERY_STRING \$query_string;
				}
			}
		}
	EOT
	spawn server "${as_server[@]}" "$fpm" -F -R -y "$tmp/fpm.conf" -c "$tmp"
	server=$spawned
	await_listen "$fastcgi"
	spawn nginx "${as_server[@]}" nginx -p "$tmp/nginx" -e stderr -c "$tmp/nginx.conf"
	await_listen "$1"
}

client() # PORT TEXT
{
	local got
	got=$("${as_client[@]}" curl -sS --fail "http://localhost:$1/word?$2") || return
	echo "${got#load-}"
}

fetch() # PATH CURL-OPTION...
{
	"${as_client[@]}" curl -sS --fail "${@:2}" "http://localhost:$port/$1"
}

# An answer that waits after its first line for another one, from a pipe.
slow_begins()
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" curl -sSN --fail -D "$tmp/head" "http://127.0.0.1:$port/slow"
	held=$spawned
	await "the first line of the answer" grep -qs begun "$tmp/held.out"
}

slow_ends()
{
	echo ended >&"$go"
	await "the held answer to end" ended "$held"
	[ "$(tail -n 1 "$tmp/held.out")" = ended ] || fail "the held answer came to harm"
}

mkdir "$tmp/nginx"
chmod 0777 "$tmp/nginx"
mkfifo "$tmp/go" && exec {go}<>"$tmp/go"
chmod 0666 "$tmp/go"
head -c 20M </dev/urandom >"$tmp/upload"
sum=$(sha256sum <"$tmp/upload" | cut -d ' ' -f 1)
big=$(/usr/bin/python3 -c 'import hashlib
print(hashlib.sha256(b"".join(bytes([n % 251]) * 70000 for n in range(300))).hexdigest())')
cat >"$tmp/index.php" <<'EOT'
<?php
header("X-Worker: " . getmypid());
switch ($_SERVER["PATH_INFO"]) {
case "/sum": echo hash("sha256", file_get_contents("php://input")); break;
case "/big": for ($n = 0; $n < 300; $n++) echo str_repeat(chr($n % 251), 70000); break;
case "/slow": echo "begun\n"; flush(); echo fgets(fopen(getenv("GO"), "r")); break;
default: echo "load-" . $_SERVER["QUERY_STRING"];
}
EOT
chmod 0644 "$tmp/index.php"

kinds=(gunicorn)
for fpm in /usr/sbin/php-fpm*; do
	[ -x "$fpm" ] && kinds+=(php) || echo "  (left out: no PHP-FPM here)"
	break
done
for kind in "${kinds[@]}"; do
	name=$kind
	reload=HUP
	[ "$kind" = gunicorn ] || reload=USR2
	for who in bare server; do
		step "what the wires show, $who"
		fresh_port
		server_as $who
		CLIENT_BOUND=60 client_as "${who/server/client}"
		"server_$kind" "$port"
		eavesdrop "$port" "$fastcgi"
		answers "$port" "$marker"
		overheard
		if [ $who = bare ] || [ "$MODE" = bare ]; then
			wire_shows "$marker"
		else
			wire_hides "$marker"
			wire_is_tls13
		fi
		[ $who = server ] || stop_all
	done

	step "20 MiB up and 20 MiB in pieces down"
	for header in "Expect:" "Transfer-Encoding: chunked"; do
		[ "$(fetch sum -H "$header" --data-binary "@$tmp/upload")" = "$sum" ] ||
			fail "an upload with '$header' arrived changed"
	done
	[ "$(fetch big | sha256sum | cut -d ' ' -f 1)" = "$big" ] || fail "the answer is another"

	step "a reload ($reload) under load, and an answer that outlives one"
	load_begins load- "http://localhost:$port/word?a" "http://127.0.0.1:$port/word?b"
	slow_begins
	session_right accept "$port" spiffe://test/client
	# FPM's signal would end the wait of its worker.
	[ "$kind" = gunicorn ] || slow_ends
	before=$(children "$server")
	kill -$reload "$server"
	load_goes_on "the reload"
	[ "$kind" = php ] || slow_ends
	await "the old workers' end" none_of "$before"
	load_goes_on "the old workers' end"
	load_ends

	step "a worker is killed, another takes its place"
	slow_begins
	kill -KILL "$(tr -d '\r' <"$tmp/head" | sed -n 's/^X-Worker: //p')"
	await "curl to learn of it" ended "$held"
	grep -q '^curl: ' "$tmp/held.out" || fail "curl takes the cut answer for a whole one"
	answers "$port" and-again
	alive "$server" || fail "$kind has died"
	stop_all
done

finish
