#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # expanded by an inner shell
# Programs started for a connection, at either end of it: by ncat, socat, systemd.
. "$(dirname "$0")/lib.sh"
begin exec perl nc ncat
. "$root/tests/programs/lines.sh"

# ncat forks for each connection, and carries it through pipes.
server() # PORT
{
	spawn server "${as_server[@]}" ncat -k -l 127.0.0.1 "$1" --exec /bin/cat
	server=$spawned
	await_listen "$1"
}

client() # PORT TEXT
{
	netcat_talk ncat "$@"
}

hold() # PORT
{
	netcat_hold ncat "$1"
}

trial
# started COMMAND...: a server of its own, and policies for it.
started()
{
	spawn server "$@"
	server=$spawned
	await_listen "$port"
}

fresh()
{
	fresh_port
	server_as server
	client_as client
}

for how in --exec --sh-exec; do
	step "ncat $how"
	fresh
	started "${as_server[@]}" ncat -k -l 127.0.0.1 "$port" "$how" "${lines[*]}"
	converses
	[ "$MODE" = bare ] || grep -q "closed by exec, since other processes" "$tmp/log/server" ||
		fail "the log does not say what ncat's children do not get"
	leaves
	stop_all
done

for how in EXEC SYSTEM; do
	for option in "" ,nofork ,pipes ,pty,raw,echo=0; do
		step "socat $how$option"
		listen=bind=127.0.0.1,reuseaddr,fork
		if [[ $option != *pty* ]]; then
			fresh
			started "${as_server[@]}" socat "TCP-LISTEN:$port,$listen" \
				"$how:/bin/cat$option"
			echoes
			stop_all
		fi
		fresh
		started "${as_server[@]}" socat "TCP-LISTEN:$port,$listen" \
			"$how:${lines[*]}$option"
		converses
		[[ $option == *pty* ]] || stays_silent
		[[ $option != *nofork ]] || { ends && leaves; }
		stop_all
	done
done

step "Python's subprocess with pass_fds"
fresh
started "${as_server[@]}" /usr/bin/python3 -c '
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    s, _ = listener.accept()
    subprocess.Popen([*sys.argv[2:], str(s.fileno())], pass_fds=[s.fileno()])
    s.close()' "$port" "${lines[@]}"
converses
ends
stays_silent
leaves
stop_all

step "the one that connects starts a program"
commands=("socat TCP:localhost:PORT EXEC:cat" "socat TCP:localhost:PORT SYSTEM:cat,nofork")
# By its convention a client reads from 6 and writes to 7.
echo '$/ = \65536; open I, "<&=6"; open O, ">&=7"; print O $_ while <I>;' >"$tmp/sixes"
if command -v tcpclient >/dev/null; then
	commands+=("tcpclient -HRl0 127.0.0.1 PORT perl $tmp/sixes")
else
	echo "  (left out: no tcpclient here)"
fi
for command in "${commands[@]}"; do
	fresh
	rm -f "$tmp/got"
	spawn receiver bash -c 'exec "${@:3}" <"$1" >"$2"' nc "$tmp/there" "$tmp/got" \
		"${as_server[@]}" nc -N -l 127.0.0.1 "$port"
	await_listen "$port"
	# shellcheck disable=SC2086 # words
	"${as_client[@]}" ${command//PORT/$port} >>"$tmp/client.out" 2>&1 ||
		fail "$command failed"
	await "nc to end behind $command" ended "$spawned"
	cmp "$tmp/there" "$tmp/got" || fail "the file came back changed from $command"
done
for how in --exec --sh-exec; do
	fresh
	rm -f "$tmp/got"
	spawn sender bash -c 'exec "${@:2}" <"$1"' nc "$tmp/there" \
		"${as_server[@]}" nc -N -l 127.0.0.1 "$port"
	await_listen "$port"
	"${as_client[@]}" ncat localhost "$port" "$how" "$(command -v dd) of=$tmp/got" \
		>>"$tmp/client.out" 2>&1 || fail "ncat $how failed"
	await "the file from ncat $how" cmp -s "$tmp/there" "$tmp/got"
done
stop_all

# activates WAY OPTION... PROGRAM: what socket units do, by the program that shows it.
activates()
{
	local way=$1 words=("${as_server[@]:1}") above=("${as_server[@]}")
	shift
	[ "$way" = both ] || above=(env)
	started "${above[@]}" systemd-socket-activate -l "127.0.0.1:$port" "${words[@]/#/-E}" "$@"
}

if command -v systemd-socket-activate >/dev/null; then
	for way in both behind; do
		step "a socket unit, sleeved: $way"
		fresh
		activates "$way" "${lines[0]}" "${lines[1]}" accept "$tmp/heard"
		converses
		ends
		stays_silent
		leaves
		stop_all
		step "a socket unit with Accept=yes on 0 and 1, sleeved: $way"
		fresh
		activates "$way" --accept --inetd "${lines[@]}"
		converses
		ends
		stays_silent
		leaves
		stop_all
		step "a socket unit with Accept=yes on 3, sleeved: $way"
		fresh
		activates "$way" --accept "${lines[@]}" 3
		converses
		ends
		stays_silent
		leaves
		stop_all
	done
else
	echo "  (left out: no systemd-socket-activate here)"
fi

no_carrier
finish
