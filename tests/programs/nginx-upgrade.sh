#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# nginx under load without a break: a new binary (USR2, QUIT), new settings (HUP), a killed worker.
. "$(dirname "$0")/lib.sh"
begin upgrade nginx curl /usr/bin/python3

# nginx leaves nothing of its environment to a new binary but what `env` names.
write_config() # PORT
{
	cat >"$tmp/nginx.conf" <<-EOT
		worker_processes 2;
		daemon on;
		pid $tmp/nginx.pid;
		error_log $tmp/error.out notice;
		env LD_PRELOAD; env SLEEVE_POLICY; env SLEEVE_RUNDIR; env SLEEVE_LOG;
		env SLEEVE_SERVICE; env ASAN_OPTIONS;
		events { worker_connections 512; }
		http {
			access_log off;
			$(nginx_paths nginx)
			sendfile on;
			keepalive_requests 100000;
			server {
				listen 127.0.0.1:$1;
				root $tmp/www;
				location /slow {
					limit_rate 200k;
					add_header X-Worker \$pid;
				}
				location /pid { return 200 "pid-\$pid ${generation:-first}\n"; }
			}
		}
	EOT
}

# A daemon: a master whose parent is still there takes itself for a new binary and ignores USR2.
# It and its successor share a process group, which is named by its id.
server() # PORT
{
	write_config "$1"
	"${as_server[@]}" "$(command -v nginx)" -p "$tmp/nginx" -e "$tmp/error.out" \
		-c "$tmp/nginx.conf" >>"$tmp/server.out" 2>&1 || fail "nginx does not start"
	master=$(<"$tmp/nginx.pid")
	pids+=("$master")
	await "nginx to listen" listening "$1"
}

asked() # PATH
{
	"${as_client[@]}" curl -sS --fail "http://localhost:$port/$1"
}

workers_other_than() # PIDS
{
	local pid now
	now=$(children "$master")
	for pid in $1; do
		[[ " ${now//$'\n'/ } " != *" $pid "* ]] || return
	done
	[ "$(echo "$now" | wc -l)" -eq 2 ]
}

says() # TEXT
{
	[[ $(asked pid) == pid-*" $1" ]]
}

# A file that is given slowly.
slow_begins()
{
	rm -f "$tmp/slow.data" "$tmp/slow.out"
	spawn slow "${as_client[@]}" curl -sS --fail -D "$tmp/slow.head" \
		-o "$tmp/slow.data" "http://127.0.0.1:$port/slow"
	held=$spawned
	await "curl to receive something" test -s "$tmp/slow.data"
}

slow_ends()
{
	await "the slow download to end" ended "$held"
	cmp "$tmp/slow.data" "$tmp/www/slow" || fail "the slow download came to harm"
}

mkdir -p "$tmp/www" "$tmp/nginx"
chmod 0777 "$tmp/nginx"
head -c 500k </dev/urandom >"$tmp/www/slow"
fresh_port
server_as server
CLIENT_BOUND=60 client_as client
server "$port"
load_begins pid- "http://localhost:$port/pid" "http://127.0.0.1:$port/pid"

step "new settings (HUP) under load"
before=$(children "$master")
slow_begins
generation=second write_config "$port"
kill -HUP "$master"
await "the new settings" says second
load_goes_on "the new settings"
slow_ends
await "new workers, and the old ones' end" workers_other_than "$before"
load_goes_on "the old workers' end"

step "a new binary (USR2, WINCH, QUIT) under load"
slow_begins
generation=third write_config "$port"
kill -USR2 "$master"
await "the old master's new name" test -s "$tmp/nginx.pid.oldbin"
await "the new master" test -s "$tmp/nginx.pid"
await "the new settings" says third
load_goes_on "the new binary's beginning"
old=$master
before=$(children "$old")
kill -WINCH "$old"
slow_ends
for pid in $before; do
	[ "$pid" = "$(<"$tmp/nginx.pid")" ] || await "the old workers' end" ended "$pid"
done
load_goes_on "the old workers' end"
kill -QUIT "$old"
await "the old master's end" ended "$old"
master=$(<"$tmp/nginx.pid")
[ "$master" != "$old" ] || fail "the new binary is not there"
load_goes_on "the old master's end"
load_ends

step "what the new binary sends"
eavesdrop "$port"
asked "pid?$marker" >"$tmp/asked.out" || fail "the new binary does not answer"
overheard
if [ "$MODE" = bare ]; then
	wire_shows "$marker"
else
	wire_hides "$marker"
	wire_is_tls13
fi

step "a worker is killed: its client learns it, the others go on, another takes its place"
slow_begins
session_right accept "$port" spiffe://test/client
victim=$(tr -d '\r' <"$tmp/slow.head" | sed -n 's/^X-Worker: //p')
kill -KILL "$victim"
await "curl to learn of it" ended "$held"
! cmp -s "$tmp/slow.data" "$tmp/www/slow" || fail "the download was whole already"
grep -q '^curl: ' "$tmp/slow.out" || fail "curl does not say that the download is cut off"
await "another worker" workers_other_than "$victim"
load_begins pid- "http://localhost:$port/pid"
load_ends
! grep -E '\[(alert|crit|emerg)\]' "$tmp/error.out" | grep -v "$victim exited on signal 9" ||
	fail "nginx complains"

finish
