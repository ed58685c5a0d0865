# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2015,SC2016,SC2034,SC2154
# What the real-program tests share: starting programs sleeved or bare, the wire, the registry.
#
# A script names itself with `begin`, defines three functions and calls `trial`, which asks the
# questions every program has to answer; what only this program can be asked follows.
#
#   server PORT        starts the server on loopback with "${as_server[@]}" before its command
#                      line, by `spawn`, and returns once it listens
#   client PORT TEXT   connects with "${as_client[@]}", sends TEXT, prints it as it came back;
#                      non-zero when the program says that the connection failed
#   hold PORT          starts, by `spawn`, a client that stays connected after it has exchanged
#                      something
#
# MODE=bare runs the same steps without the shim and leaves out what only TLS can answer.
# Environment: BUILD (default build/), MODE (tls or bare), KEEP=1 keeps the temporary folder,
# BOUND seconds for the whole script.  Exit status: 0 good, 1 failed, 77 skipped with a reason.

set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$root/build}
case $BUILD in /*) ;; *) BUILD=$root/$BUILD ;; esac
MODE=${MODE:-tls}
slow=1 # a sanitizer makes everything slow, and bounds are there for what hangs
[ -z "${SANITIZE:-}" ] || slow=4
export LC_ALL=C
exec </dev/null
unset LD_PRELOAD SLEEVE_POLICY SLEEVE_RUNDIR SLEEVE_LOG SLEEVE_SERVICE

# A script that hangs is a failure like any other, and still cleans up.
if [ -z "${PROGRAMS_BOUNDED:-}" ]; then
	PROGRAMS_BOUNDED=1 exec timeout -k 15 "${BOUND:-$((150 * slow))}" bash "$0" "$@"
fi

. "$root/tests/lib/pki.sh"

marker=MARKER-$RANDOM$RANDOM-plainly-visible
name=programs
step=start
tmp=
pids=()
captured=
as_server=(env)
as_client=(timeout $((30 * slow)) env)

# ---- what a person reads ------------------------------------------------------------------

step()
{
	step=$*
	echo "  $name: $step"
}

skip()
{
	echo "skip: $name: $*"
	exit 77
}

# Says what is wrong and shows the last lines of whatever the programs and Sleeve have written.
fail()
{
	echo "FAIL: $name: $step: $*" >&2
	for file in "$tmp"/*.out "$tmp"/log/* "$tmp"/sessions.*; do
		[ -s "$file" ] || continue
		echo "--- ${file#"$tmp"/} (last lines)" >&2
		tail -n "${EVIDENCE:-6}" "$file" | cut -c1-320 | cat -v >&2
	done
	exit 1
}

need()
{
	for program in "$@"; do
		command -v "$program" >/dev/null 2>&1 || skip "no $program here"
	done
}

# ---- beginning and end --------------------------------------------------------------------

begin() # NAME PROGRAM...
{
	name=$1
	shift
	need openssl socat "$@"
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/sleeve-$name.XXXXXX") || exit 1
	mkfifo "$tmp/never" && exec {never}<>"$tmp/never"
	trap cleanup EXIT
	trap 'exit 143' TERM
	trap 'exit 130' INT HUP PIPE
	mkdir "$tmp/run" "$tmp/log" "$tmp/pki"
	chmod 0755 "$tmp" "$tmp/pki"
	chmod 1777 "$tmp/run" "$tmp/log"
	pki_ca "$tmp/pki" &&
		pki_identity "$tmp/pki" server DNS:localhost \
			IP:127.0.0.1 URI:spiffe://test/server &&
		pki_identity "$tmp/pki" client DNS:client.test URI:spiffe://test/client &&
		pki_identity "$tmp/pki" misnamed DNS:elsewhere.test IP:192.0.2.1 &&
		pki_impostor "$tmp/pki" impostor DNS:localhost \
			IP:127.0.0.1 URI:spiffe://test/server &&
		pki_impostor "$tmp/pki" stranger DNS:client.test URI:spiffe://test/client ||
		fail "no test certificates"
	[ "$MODE" = bare ] && return
	need jq
	[ -f "$BUILD/libsleeve.so" ] && [ -x "$BUILD/sleeve" ] ||
		fail "$BUILD has no libsleeve.so and sleeve; run make first"
}

# Only what this script started is ended: each has its own process group, named by its own pid.
cleanup()
{
	status=$?
	trap - EXIT
	trap '' TERM INT HUP PIPE
	for pid in ${pids[@]+"${pids[@]}"}; do
		end_group "$pid"
	done
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $tmp"
	else
		rm -rf "$tmp"
	fi
	exit "$status"
}

# The last line of a script.
finish()
{
	stop_all
	if [ "$MODE" != bare ] && grep -lE 'bypass|internal' "$tmp"/log/* 2>/dev/null; then
		fail "the log speaks of a bypass or of an internal error"
	fi
	[ "$captured" != no ] ||
		skip "all else passed, but tcpdump may not capture on lo here (it needs root)"
	echo "ok: $name"
	exit 0
}

# ---- processes ----------------------------------------------------------------------------

# spawn NAME COMMAND...: in the background, its output in $tmp/NAME.out, its id in $spawned.
spawn()
{
	local out=$tmp/$1.out
	shift
	setsid "$@" <&0 >>"$out" 2>&1 &
	spawned=$!
	pids+=("$spawned")
}

end_group() # PID
{
	local tries=0
	kill -TERM -- "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null
	while group_lives "$1"; do
		tries=$((tries + 1))
		[ "$tries" -eq 150 ] && kill -KILL -- "-$1" 2>/dev/null
		[ "$tries" -gt 200 ] && break
		pause
	done
	wait "$1" 2>/dev/null
}

# Does a process of the group run?  Orphans that nobody has reaped yet do not count.
group_lives() # GROUP
{
	local stat line
	kill -0 -- "-$1" 2>/dev/null || return
	for stat in /proc/[0-9]*/stat; do
		{ read -r line <"$stat"; } 2>/dev/null || continue
		[[ ${line##*) } =~ ^[^ZX]\ [0-9]+\ $1\  ]] && return
	done
	return 1
}

# The processes of a parent, a line each.
children() # PID
{
	local line pid
	for pid in /proc/[0-9]*; do
		{ read -r line <"$pid/stat"; } 2>/dev/null || continue
		[[ ${line##*) } =~ ^[^ZX]\ $1\  ]] && echo "${pid#/proc/}"
	done
}

stop() # PID
{
	local pid kept=()
	end_group "$1"
	for pid in "${pids[@]}"; do
		[ "$pid" = "$1" ] || kept+=("$pid")
	done
	pids=(${kept[@]+"${kept[@]}"})
}

stop_all()
{
	for pid in ${pids[@]+"${pids[@]}"}; do
		end_group "$pid"
	done
	pids=()
}

pause()
{
	read -rt 0.02 -u "$never" || :
}

# await WHAT COMMAND...: until the command succeeds, or the test fails after AWAIT (10) seconds.
await()
{
	local what=$1 end=$((SECONDS + slow * ${AWAIT:-10}))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "waited in vain for: $what"
		pause
	done
}

alive()
{
	kill -0 "$1" 2>/dev/null
}

ended() # PID
{
	! alive "$1"
}

none_of() # PIDS
{
	local pid
	for pid in $1; do
		! alive "$pid" || return
	done
}

# Asks the kernel, because a probe that connects would be a peer to a sleeved server.
listening() # PORT
{
	grep -qsE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F:]+ 0A " \
		/proc/net/tcp /proc/net/tcp6
}

await_listen() # PORT
{
	await "a listener on port $1" listening_or_dead "$1" "$spawned"
}

listening_or_dead()
{
	alive "$2" || fail "the program has ended before it listened on port $1"
	listening "$1"
}

# A port below the ephemeral range that nobody uses, in $free.
free_port()
{
	while :; do
		free=$((20000 + RANDOM % 12000))
		grep -qsE ":$(printf %04X $free) " /proc/net/tcp /proc/net/tcp6 || break
	done
}

# The same in $port, with policies that speak of it.
fresh_port()
{
	free_port
	port=$free
	policies "$port"
}

# ---- who plays whom -----------------------------------------------------------------------

# For each identity one policy as server and one as client of the port.  rule_extra holds further
# keys for the rules.
policies() # PORT
{
	local who
	for who in server impostor misnamed; do
		pki_policy "$tmp/pki/$1-$who.conf" "$who" <<-EOT
			{ name = "$name in"; on = "accept"; from = ["127.0.0.0/8", "::1"];
			  ports = [$1]; mode = "strict"; peer = ["uri:spiffe://test/client"];
			  ${rule_extra:-} }
		EOT
	done
	for who in client stranger; do
		pki_policy "$tmp/pki/$1-$who.conf" "$who" <<-EOT
			{ name = "$name out"; on = "connect"; to = ["127.0.0.0/8", "::1"];
			  ports = [$1]; mode = "strict"; ${rule_extra:-} }
		EOT
	done
}

# The same where the server has a second port and is a client itself: of port ON; clients go to OUT.
policies_with_hop() # PORT SECOND ON OUT
{
	pki_policy "$tmp/pki/$1-server.conf" server <<-EOT
		{ name = "$name in"; on = "accept"; ports = [$1, $2]; mode = "strict";
		  peer = ["uri:spiffe://test/client", "uri:spiffe://test/server"]; },
		{ name = "$name on"; on = "connect"; ports = [$3]; mode = "strict"; }
	EOT
	pki_policy "$tmp/pki/$1-client.conf" client <<-EOT
		{ name = "$name out"; on = "connect"; ports = [$4]; mode = "strict"; }
	EOT
}

# server_as IDENTITY|bare and client_as IDENTITY|bare: for $port, set "${as_server[@]}" or
# "${as_client[@]}" to what goes before a command line.
server_as()
{
	as_server=(env)
	[ "$MODE" = bare ] || [ "$1" = bare ] || sleeved as_server "$1" server
}

client_as()
{
	as_client=(env)
	[ "$MODE" = bare ] || [ "$1" = bare ] || sleeved as_client "$1" client
	as_client=(timeout "${CLIENT_BOUND:-$((30 * slow))}" "${as_client[@]}")
}

sleeved() # ARRAY IDENTITY SIDE
{
	local -n words=$1
	words=(env "LD_PRELOAD=$BUILD/libsleeve.so${PRELOAD_BEHIND:+ $PRELOAD_BEHIND}"
		"SLEEVE_POLICY=$tmp/pki/$port-$2.conf"
		"SLEEVE_RUNDIR=$tmp/run" "SLEEVE_LOG=info:$tmp/log/$3" "SLEEVE_SERVICE=$name")
	[ -z "${ASAN_OPTIONS:-}" ] || words+=("ASAN_OPTIONS=$ASAN_OPTIONS")
}

# ---- the wire -----------------------------------------------------------------------------

can_capture()
{
	need tcpdump tshark
	# Without -w: tcpdump gives the file to its own user, and /dev/null is everybody's.
	timeout 5 tcpdump -i lo -c 1 'udp port 9' >/dev/null 2>"$tmp/capture.err" &
	local probe=$!
	until grep -qs 'listening on' "$tmp/capture.err" || ! kill -0 $probe 2>/dev/null; do
		pause
	done
	kill $probe 2>/dev/null
	wait $probe 2>/dev/null
	grep -qs 'listening on' "$tmp/capture.err"
}

# From here on an eavesdropper listens: eavesdrop PORT... ; the file is $wire after `overheard`.
eavesdrop()
{
	[ -n "$captured" ] || { can_capture && captured=yes || captured=no; }
	[ "$captured" = yes ] || return 0
	wire_port=$1
	wire=$tmp/wire.$((wire_count = ${wire_count:-0} + 1)).pcap
	local filter="port $1"
	for wire_other in "${@:2}"; do
		filter="$filter or port $wire_other"
	done
	filter="inbound and ($filter)" # on lo each packet goes out, and comes in
	: >"$tmp/capture.err"
	setsid tcpdump -i lo -s 70000 -B 131072 --immediate-mode -U -w "$wire" "$filter" \
		>/dev/null 2>"$tmp/capture.err" &
	wire_pid=$!
	pids+=("$wire_pid")
	await "tcpdump to listen" grep -q 'listening on' "$tmp/capture.err"
	kill -USR1 "$wire_pid"
	await "tcpdump to count" grep -q 'dropped by kernel' "$tmp/capture.err"
	wire_missed=$(missed)
}

# Packets that tcpdump has missed by its own account.  It begins to count before its filter
# stands, so what else goes on on the machine is in it: only the growth tells.
missed()
{
	sed -n -e 's/.*[ ,]\([0-9]*\) packets* dropped by kernel.*/\1/p' \
		-e 's/^\([0-9]*\) packets* dropped by kernel.*/\1/p' \
		"$tmp/capture.err" | tail -n 1
}

# Sent again each time: tcpdump may be late by more packets than it has room for.
wire_ended()
{
	echo end-of-the-wire >"/dev/udp/127.0.0.1/$wire_port"
	tail -c 65536 "$wire" | grep -qaF end-of-the-wire
}

# The capture is whole when it holds a datagram sent after everything else, and has missed nothing.
overheard()
{
	[ "$captured" = yes ] || return 0
	AWAIT=60 await "the end of the capture" wire_ended
	kill -INT "$wire_pid"
	wait "$wire_pid"
	[ "$(missed)" = "$wire_missed" ] ||
		fail "the capture is not whole: $(($(missed) - wire_missed)) packets are missing"
}

wire_shows() # TEXT
{
	[ "$captured" = yes ] || return 0
	grep -qaF -- "$1" "$wire" ||
		fail "the capture of a bare run does not show '$1', so it proves nothing"
}

wire_hides() # TEXT
{
	[ "$captured" = yes ] || return 0
	! grep -qaF -- "$1" "$wire" || fail "'$1' is on the wire in clear"
}

# Every ServerHello chose TLS 1.3, there is at least one, and application data went by.
wire_is_tls13()
{
	[ "$captured" = yes ] || return 0
	tshark -r "$wire" -d "tcp.port==$wire_port,tls" -Y tls -T fields -e tls.handshake.type \
		-e tls.handshake.extensions.supported_version -e tls.record.opaque_type \
		>"$tmp/tshark.out" 2>"$tmp/tshark.err" ||
			fail "tshark: $(tail -n 2 "$tmp/tshark.err")"
	awk -F'\t' '$1 ~ /(^|,)2(,|$)/ { hello++; if ($2 !~ /^0x0304/) other++ }
		$3 ~ /23/ { data++ }
		END { exit !(hello && data && !other) }' "$tmp/tshark.out" ||
		fail "tshark does not see TLS 1.3 with application data on port $wire_port"
}

# ---- the registry -------------------------------------------------------------------------

sessions()
{
	SLEEVE_RUNDIR=$tmp/run "$BUILD/sleeve" sessions --json --all \
		>"$tmp/sessions.json" 2>"$tmp/sessions.err"
}

# The live sessions of one side of a port, as a jq filter.  Where localhost is ::1 first, TCP itself
# refuses a client there, and it goes on to 127.0.0.1: what never sent a byte is not one of them.
of_side='[.[] | select(.side == $side and .state != "closed" and
	(.state != "failed" or .wire_out > 0) and
	((if $side == "accept" then .local else .remote end) // "" | endswith(":" + $port)))]'

session_open() # SIDE PORT
{
	sessions
	jq -e --arg side "$1" --arg port "$2" \
		"$of_side | any(.verdict == \"tls\" and .bytes_in + .bytes_out > 0)" \
		"$tmp/sessions.json" >/dev/null
}

# session_right SIDE PORT PEER [GROUP]: while a connection is open, its record is right in all, and
# names $rule or the rule of that side.
session_right()
{
	local direction=in said
	[ "$MODE" = bare ] && return
	[ "$1" = connect ] && direction=out
	AWAIT=8
	await "a session with verdict tls, side $1, port $2" session_open "$1" "$2"
	unset AWAIT
	said=$(jq -r --arg side "$1" --arg port "$2" --arg rule "${rule:-$name $direction}" \
		--arg engine "${engine:-inline}" --arg peer "$3" \
		--arg group "${4:-X25519MLKEM768}" "$of_side"' |
		.[] | select(.verdict != "pending") | . as $s |
		[["verdict", .verdict == "tls"], ["rule", .rule == $rule],
		 ["mode", .mode == "strict"], ["tls", .tls == "TLSv1.3"],
		 ["cipher", (.cipher // "" | test("^TLS_[A-Z0-9_]+$"))],
		 ["group", .group == $group], ["peer", (.peer | tostring | contains($peer))],
		 ["engine", .engine == $engine], ["resumed", .resumed == false],
		 ["pid", (.pid | type == "number" and . > 1)],
		 ["peer_expires", (.peer_expires != null and .peer_expires != 0)],
		 ["opened", .opened != null]][] | select(.[1] | not) |
		"\(.[0]) is wrong in \($s)"' "$tmp/sessions.json" 2>&1)
	[ -z "$said" ] || fail "$1 side of port $2: $said"
}

# reported SIDE REASON: the log of that side, or its registry, gives the reason.
reported()
{
	await "the reason $2 from the $1 side" reason_given "$1" "$2"
}

reason_given()
{
	grep -qsw -- "$2" "$tmp/log/$1" && return
	sessions
	jq -e --arg side "$([ "$1" = server ] && echo accept || echo connect)" --arg reason "$2" \
		'any(.[]; .side == $side and .verdict == "refused" and .reason == $reason)' \
		"$tmp/sessions.json" >/dev/null 2>&1
}

# ---- peers that are not Sleeve ------------------------------------------------------------

openssl_as() # IDENTITY
{
	echo "-tls1_3 -cert $tmp/pki/$1.crt -key $tmp/pki/$1.key" \
		"-CAfile $tmp/pki/ca.crt -verify_return_error"
}

# openssl s_client in front of a TLS server: bare programs connect to LISTEN, TLS goes to TARGET.
# Any number of connections, one after the other or at once.
openssl_client() # LISTEN TARGET
{
	local run="EXEC:openssl s_client -connect 127.0.0.1\\:$2 -quiet"
	run+=" -verify_hostname localhost $(openssl_as client)"
	spawn openssl-client socat "TCP-LISTEN:$1,bind=127.0.0.1,reuseaddr,fork" "$run"
	await_listen "$1"
}

# openssl s_server in front of a bare server: TLS comes to LISTEN, plaintext goes to TARGET.
# One connection.
openssl_server() # LISTEN TARGET
{
	local run="EXEC:openssl s_server -accept 127.0.0.1\\:$1 -naccept 1 -quiet"
	run+=" -Verify 1 $(openssl_as server)"
	spawn openssl-server socat "TCP:127.0.0.1:$2" "$run"
	await_listen "$1"
}

# The same for clients that need several connections at once, with OpenSSL inside socat.
socat_server() # LISTEN TARGET
{
	local listen="OPENSSL-LISTEN:$1,bind=127.0.0.1,reuseaddr,fork,verify=1"
	listen+=",openssl-min-proto-version=TLS1.3,cert=$tmp/pki/server.crt"
	listen+=",key=$tmp/pki/server.key,cafile=$tmp/pki/ca.crt"
	spawn socat-server socat "$listen" "TCP:127.0.0.1:$2"
	await_listen "$1"
}

# ---- load without a break -----------------------------------------------------------------

# load_begins WANT URL...: from here on, requests of load.py with "${as_client[@]}", which must all
# succeed until load_ends.
load_begins()
{
	: >"$tmp/loading"
	rm -f "$tmp/load.out"
	spawn load "${as_client[@]}" /usr/bin/python3 "$root/tests/programs/load.py" \
		"$tmp/loading" "${load_threads:-4}" "$@"
	load=$spawned
	load_goes_on "its beginning"
}

load_answers()
{
	tr -cd . <"$tmp/load.out" 2>/dev/null | wc -c
}

load_has() # COUNT
{
	! grep -s -m 3 FAILED "$tmp/load.out" || fail "requests failed under load"
	alive "$load" || fail "the load has ended by itself"
	[ "$(load_answers)" -ge "$1" ]
}

# load_goes_on WHEN: a good many requests have begun after WHEN, and were answered.
load_goes_on()
{
	await "answers under load after $1" load_has $(($(load_answers) + ${load_many:-200}))
}

load_ends()
{
	rm -f "$tmp/loading"
	await "the load to end" ended "$load"
	grep -qx done "$tmp/load.out" || fail "requests failed under load"
}

# ---- the common questions -----------------------------------------------------------------

answers() # PORT TEXT
{
	local got
	got=$(client "$1" "$2" 2>>"$tmp/client.out")
	local status=$?
	[ "$status" -ne 124 ] || fail "the client hung"
	[ "$status" -eq 0 ] || fail "the client failed with status $status"
	[ "$got" = "$2" ] || fail "sent '$2', got back '$(printf %s "$got" | cut -c1-200)'"
}

trial()
{
	trial_wire_bare
	trial_sleeved
	trial_foreign_client
	trial_foreign_server
	if [ "$MODE" != bare ]; then
		trial_refused server impostor client peer_untrusted
		trial_refused server misnamed client peer_name_mismatch
		trial_refused client stranger server peer_untrusted
	fi
}

trial_wire_bare()
{
	step "bare, an eavesdropper reads along"
	fresh_port
	server_as bare
	client_as bare
	server "$port"
	eavesdrop "$port"
	answers "$port" "$marker"
	overheard
	wire_shows "$marker"
	stop_all
}

trial_sleeved()
{
	step "sleeved on both sides"
	fresh_port
	server_as server
	client_as client
	server "$port"
	eavesdrop "$port"
	answers "$port" "$marker"
	overheard
	if [ "$MODE" != bare ]; then
		wire_hides "$marker"
		wire_is_tls13
	fi
	step "the registry while a connection is open"
	hold "$port"
	engine=${server_engine:-${engine:-}} session_right accept "$port" spiffe://test/client
	session_right connect "$port" "${server_shows:-localhost}"
	stop_all
}

# answers_over_tls PORT TEXT TLS-PORT: the same, while the wire of the other port shows TLS only.
answers_over_tls()
{
	eavesdrop "$3"
	answers "$1" "$2"
	overheard
	wire_hides "$2"
	wire_is_tls13
	stop_all
}

trial_foreign_client()
{
	step "the server against openssl s_client"
	fresh_port
	local target=$port
	server_as server
	server "$port"
	if [ "$MODE" = bare ]; then
		fresh_port
		"${foreign_server:-openssl_server}" "$port" "$target"
		target=$port
	fi
	fresh_port
	openssl_client "$port" "$target"
	client_as bare
	answers_over_tls "$port" "$marker" "$target"
}

trial_foreign_server()
{
	step "the client against ${foreign_server:-openssl s_server}"
	fresh_port
	local target=$port
	server_as bare
	server "$port"
	fresh_port
	"${foreign_server:-openssl_server}" "$port" "$target"
	client_as client
	target=$port
	if [ "$MODE" = bare ]; then
		fresh_port
		openssl_client "$port" "$target"
	fi
	answers_over_tls "$port" "$marker" "$target"
}

# trial_refused WHO IDENTITY SIDE REASON: WHO plays IDENTITY, SIDE refuses it for REASON.
trial_refused()
{
	step "a $2 is refused"
	fresh_port
	server_as server
	client_as client
	"$1_as" "$2"
	rm -f "$tmp"/log/*
	server "$port"
	eavesdrop "$port"
	local got status
	got=$(client "$port" "$marker" 2>>"$tmp/client.out")
	status=$?
	overheard
	[ "$status" -ne 124 ] || fail "the client hung instead of failing"
	[ "$got" != "$marker" ] || fail "the $2 was served"
	[ "$status" -ne 0 ] || fail "the client does not show that the connection failed"
	reported "$3" "$4"
	wire_hides "$marker"
	alive "$server" || fail "the server has died of it"
	stop_all
}

# ---- what several scripts do with a program ------------------------------------------------

# netcat_talk PROGRAM PORT TEXT: what comes back from a client that stays until it is killed.
netcat_talk()
{
	local words status
	coproc NETCAT { exec "${as_client[@]}" "$1" localhost "$2"; }
	local pid=$NETCAT_PID from=${NETCAT[0]} to=${NETCAT[1]}
	echo "$3" >&"$to"
	read -rt 20 words <&"$from"
	status=$?
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	echo "$words"
	return "$status"
}

# netcat_hold PROGRAM PORT
netcat_hold()
{
	rm -f "$tmp/held.out" "$tmp/typed"
	mkfifo "$tmp/typed"
	exec {typed}<>"$tmp/typed"
	echo held >&"$typed"
	spawn held "${as_client[@]}" "$1" 127.0.0.1 "$2" <"$tmp/typed"
	await "$1 to be answered" grep -qs held "$tmp/held.out"
}

# What a carrier ends with leaves none behind.
no_carrier()
{
	[ "$MODE" != bare ] || return 0
	step "no carrier is left"
	await "the carriers to end" carriers_gone
}

carriers_gone()
{
	! "$BUILD/sleeve" sessions --json --rundir "$tmp/run" |
		jq -e '.[] | select(.verdict == "tls" or .verdict == "pending")' >/dev/null
}

# nginx_paths FOLDER: its temporary files, for a configuration.
nginx_paths()
{
	local kind
	for kind in client_body proxy fastcgi uwsgi scgi; do
		echo "${kind}_temp_path $tmp/$1/$kind;"
	done
}

# begin_postgres NAME PROGRAMS: PostgreSQL refuses to run as root, so another user, `as_user`,
# must reach the shim, the policy and its keys.
begin_postgres()
{
	local bin
	for bin in /usr/lib/postgresql/*/bin; do
		PATH=$bin:$PATH
	done
	begin "$@" initdb postgres psql setpriv
	as_user=()
	if [ "$(id -u)" -eq 0 ]; then
		getent passwd postgres >/dev/null ||
			skip "root cannot run PostgreSQL and there is no user postgres"
		as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups env "HOME=$tmp")
		chown -R postgres "$tmp"
	fi
	if [ "$MODE" != bare ]; then
		mkdir "$tmp/build" && cp "$BUILD/libsleeve.so" "$BUILD/sleeve" "$tmp/build/" ||
			fail "cannot copy the build"
		BUILD=$tmp/build
	fi
	export PGCONNECT_TIMEOUT=20
	cd "$tmp" || exit 1
}
