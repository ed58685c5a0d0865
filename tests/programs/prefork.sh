#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Prefork servers whose workers come and go leak nothing: Apache, gunicorn, one that forks for each
# connection; nor does a client with children.  Some workers are killed, some clients go away in the
# middle, certificates are renewed.  MINUTES=60 goes on so long and tells each half minute what is
# held; SEED=1 does the same again.
#
# No <(COMMAND) here: in an hour pids come round again, and bash 5.2 was seen to wait for ever for a
# command that had the pid of an earlier one of these.
BOUND=${BOUND:-$((250 + ${MINUTES:-0} * 75))}
. "$(dirname "$0")/lib.sh"
begin prefork apache2 gunicorn curl /usr/bin/python3
modules=/usr/lib/apache2/modules
[ -f "$modules/mod_mpm_prefork.so" ] || skip "no modules in $modules"
python=(/usr/bin/python3 "$root/tests/programs/prefork.py")
seed=${SEED:-$RANDOM}
# Of the 32 places in a chunk of the arena few are left, so that what is not given back soon costs
# another chunk.
held=20

# Apache wakes its idle workers by connections of its own: then its parent has sessions, too, and
# shares their memory with all workers forked since.
policies() # PORT
{
	local ports="$1, $port_gunicorn, $port_fork"
	pki_policy "$tmp/pki/$1-server.conf" server <<-EOT
		{ name = "$name in"; on = "accept"; ports = [$ports]; mode = "strict";
		  peer = ["uri:spiffe://test/client", "uri:spiffe://test/server"]; },
		{ name = "$name wakes"; on = "connect"; ports = [$ports]; mode = "strict"; }
	EOT
	pki_policy "$tmp/pki/$1-client.conf" client <<-EOT
		{ name = "$name out"; on = "connect"; ports = [$ports]; mode = "strict"; }
	EOT
}

server_apache() # PORT
{
	local module
	{
		for module in mpm_prefork authz_core alias env headers unique_id cgi; do
			echo "LoadModule ${module}_module $modules/mod_$module.so"
		done
		[ "$(id -u)" -ne 0 ] || printf 'User www-data\nGroup www-data\n'
		cat <<-EOT
			ServerRoot $tmp/apache
			DefaultRuntimeDir $tmp/apache
			PidFile $tmp/apache/pid
			ServerName localhost
			Listen 127.0.0.1:$1
			ErrorLog $tmp/error.out
			LogLevel error
			StartServers $((held + 4))
			MinSpareServers 2
			MaxSpareServers 4
			MaxRequestWorkers 64
			MaxConnectionsPerChild 4
			KeepAlive On
			MaxKeepAliveRequests 0
			KeepAliveTimeout 100000
			DocumentRoot $tmp/www
			ScriptAlias /cgi/ $tmp/cgi/
			Header set X-Worker "%{UNIQUE_ID}e"
			Header set X-Generation "${generation:-first}"
		EOT
	} >"$tmp/apache.conf"
}

start_servers()
{
	server_apache "$port"
	spawn apache "${as_server[@]}" apache2 -f "$tmp/apache.conf" -D FOREGROUND
	apache=$spawned
	await_listen "$port"
	spawn gunicorn "${as_server[@]}" gunicorn --chdir "$root/tests/programs" --workers 2 \
		--worker-class gthread --threads 2 --max-requests 4 --max-requests-jitter 3 \
		--keep-alive 20 --graceful-timeout 5 --timeout 0 --worker-tmp-dir "$tmp" \
		--log-level error --bind "127.0.0.1:$port_gunicorn" wsgi:application
	gunicorn=$spawned
	await_listen "$port_gunicorn"
	spawn fork "${as_server[@]}" "${python[@]}" serve "$port_fork"
	fork=$spawned
	await_listen "$port_fork"
	servers=("$apache" "$gunicorn" "$fork")
}

generation_is() # TEXT
{
	"${as_client[@]}" curl -sS --fail "http://localhost:$port/word" -o "$tmp/word.out" -D - |
		grep -qi "^X-Generation: $1"
}

start_asking()
{
	mkfifo "$tmp/orders" && exec {orders}<>"$tmp/orders"
	spawn asking "${as_client[@]:2}" "${python[@]}" ask "$seed" "$tmp/run" \
		"$port" "$apache" "$port_gunicorn" "$gunicorn" "$port_fork" "$fork" <"$tmp/orders"
	asking=$spawned
	answered=0
}

# Asked first whether it lives, for after the last answer it does not.
has_answered()
{
	local lives=yes
	alive "$asking" || lives=
	! grep -s WRONG "$tmp/asking.out" || fail "seed $seed: something was answered wrongly"
	[ "$(grep -cE '^(hold|ask|rest|end) ' "$tmp/asking.out")" -gt "$answered" ] && return
	[ -n "$lives" ] || fail "seed $seed: who asks has ended"
	return 1
}

order() # WORDS: sets $so_far
{
	echo "$*" >&"$orders"
	AWAIT=150 await "an answer to '$*'" has_answered
	unset AWAIT
	answered=$((answered + 1))
	read -ra so_far <<<"$(tail -n 1 "$tmp/asking.out")"
}

# ---- what is held ---------------------------------------------------------------------------

# With what the tool sweeps, as it always does, out of the way.
count_sessions()
{
	now[all sessions]=0
	[ "$MODE" = bare ] && return
	SLEEVE_RUNDIR=$tmp/run "$BUILD/sleeve" sessions --json >"$tmp/sessions.json" \
		2>"$tmp/sessions.err"
	[ ! -s "$tmp/sessions.err" ] || fail "sleeve complains of the registry"
	now[all sessions]=$(jq '[.[] | select(.closed == null and .verdict != "refused")] |
		length' "$tmp/sessions.json")
}

# Those of the servers' ports that are connected, or left half closed by us.
count_sockets()
{
	now[all sockets]=$(awk -v ports="$(printf ' %04X' "$port" "$port_gunicorn" "$port_fork")" '
		$4 ~ /^0[18]$/ && (index(ports, substr($2, 10, 4)) ||
			index(ports, substr($3, 10, 4)))' /proc/net/tcp | wc -l)
}

# Kilobytes where nothing else is said, and such as an hour's workers would go far beyond.  What a
# sanitizer holds back says nothing.
bound() # NAME WHAT
{
	case $1-$2 in
	all-*) echo $((4 * held)) ;;
	processes-all) echo $((2 * held + 30)) ;;
	processes-carriers) echo 0 ;;
	files-dead) echo $((${MINUTES:+4} + 0)) ;; # a pid in it may be somebody else's by now
	files-living) echo 16 ;;
	files-largest | *-registry) echo 2048 ;;
	*-arena) echo 2048 ;;
	*-descriptors | *-chunks) echo "${first[$1 $2]:-99}" ;;
	*-memory) echo $((${first[$1 $2]:-9999999} + (slow > 1 ? 9999999 : 1024))) ;;
	*) echo 9999999 ;;
	esac
}

declare -A first now

look()
{
	local who what number limit
	too_much=
	count_sessions
	count_sockets
	while read -r who what number; do
		now[$who $what]=$number
	done <<<"$("${python[@]}" look "$tmp/run" apache "$apache" gunicorn "$gunicorn" \
		fork "$fork" asking "$asking")"
	for what in "${!now[@]}"; do
		limit=$(bound "${what% *}" "${what#* }")
		[ "${now[$what]}" -le "$limit" ] ||
			too_much+=" ${what/ /: } ${now[$what]}, more than $limit;"
	done
	[ -z "$too_much" ]
}

# Every new file of the registry pays for the removal of some old ones, without the tool.
swept()
{
	local who what number dead=0 refused=0
	while read -r who what number; do
		case $who-$what in
		files-dead) dead=$number ;;
		files-refused) refused=$number ;;
		esac
	done <<<"$("${python[@]}" look "$tmp/run")"
	[ "$dead" -le $((8 + refused / 4)) ] ||
		fail "$dead files of dead families were not swept, beside $refused of refusals"
}

at_rest()
{
	local end
	order rest
	swept
	end=$((SECONDS + slow * 30))
	until look; do
		[ "$SECONDS" -lt "$end" ] || { tell && fail "seed $seed:$too_much"; }
		pause
	done
	[ "$MODE" = bare ] || [ "${now[all sessions]}" -eq $((4 * held)) ] ||
		fail "seed $seed: of what was held ${now[all sessions]} sessions are left"
}

tell()
{
	local who
	echo "    $((SECONDS / 60)):$(printf %02d $((SECONDS % 60)))" \
		"${so_far[1]} workers (apache ${so_far[2]}, gunicorn ${so_far[3]}, fork" \
		"${so_far[4]}), ${so_far[7]} killed; ${so_far[5]} connections, ${so_far[6]} left," \
		"${so_far[8]} broken"
	echo "      ${now[processes all]} processes, ${now[processes carriers]} carriers," \
		"${now[all sessions]} sessions; files: ${now[files living]} living," \
		"${now[files refused]} with refusals, ${now[files dead]} dead," \
		"at most ${now[files largest]} KiB"
	for who in apache gunicorn fork asking; do
		echo "      $who: ${now[$who descriptors]} descriptors, ${now[$who memory]} KiB" \
			"of its own, ${now[$who registry]} KiB of registry, arena:" \
			"${now[$who chunks]} chunks, ${now[$who slots]} slots," \
			"${now[$who arena]} KiB"
	done
}

none_open()
{
	count_sessions
	count_sockets
	[ "${now[all sessions]}" -eq 0 ] && [ "${now[all sockets]}" -eq 0 ]
}

gone()
{
	[ -z "$("${python[@]}" look "$tmp/run" | awk '$1 == "processes" && $3 != 0')" ]
}

mkdir "$tmp/www" "$tmp/apache" "$tmp/cgi"
chmod 0755 "$tmp/www" "$tmp/cgi"
chmod 0777 "$tmp/apache"
: >"$tmp/error.out"
printf load-word >"$tmp/www/word"
head -c 3M </dev/zero >"$tmp/www/big"
chmod 0644 "$tmp/www"/*
printf '#!/bin/sh\necho; echo $PPID\n' >"$tmp/cgi/parent"
chmod 0755 "$tmp/cgi"/*

free_port && port_gunicorn=$free
free_port && port_fork=$free
fresh_port
server_as server
client_as client
as_server+=("SLEEVE_RUNDIR=$tmp/run")
as_client+=("SLEEVE_RUNDIR=$tmp/run")

step "the servers, and connections that are held all the time"
start_servers
generation=second
server_apache "$port"
before=$(children "$apache")
kill -USR1 "$apache"
await "Apache's second generation" generation_is second
await "the end of its first" none_of "$before"
start_asking
order hold "$held"

step "a warm-up"
order ask 150
policies "$port"
order ask 50
at_rest
for what in "${!now[@]}"; do
	first[$what]=${now[$what]}
done
[ "$MODE" = bare ] || [ "${first[apache chunks]}" -gt 0 ] ||
	fail "Apache's parent shares no memory with its workers"
tell

step "workers come and go${MINUTES:+ for $MINUTES minutes}"
begun=$SECONDS warm=${so_far[1]}
goes_on()
{
	[ -n "${MINUTES:-}" ] && [ $((SECONDS - begun)) -lt $((MINUTES * 60)) ] && return
	[ -z "${MINUTES:-}" ] && [ $((so_far[1] - warm)) -lt 300 ]
}
looked=$SECONDS
while goes_on; do
	order ask 50
	policies "$port" # as whoever renews certificates does
	[ -n "${MINUTES:-}" ] && [ $((SECONDS - looked)) -ge 30 ] || continue
	looked=$SECONDS
	at_rest
	tell
done
at_rest
tell
for who in 2 3 4; do
	[ "${so_far[$who]}" -gt 10 ] || fail "too few workers answered: ${so_far[*]}"
done

step "the end"
order end
exec {orders}>&-
await "who asks to end" ended "$asking"
await "no session to be open, no socket to be connected" none_open
for server in "${servers[@]}"; do
	kill -TERM "$server"
done
AWAIT=30 await "all processes to be gone" gone
finish
