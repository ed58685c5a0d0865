#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Super-servers: a connection is accepted, left to a child, put on 0, 1 and 2, and lives on in
# another program.  Each is sleeved with what it starts, sleeved alone, and bare before sleeved
# programs.
. "$(dirname "$0")/lib.sh"
begin inetd perl nc
engine=carrier
user=$(id -un)
. "$root/tests/programs/lines.sh"

# start SUPER WAY PORT PROGRAM ARGUMENT...: the program by its whole path.
start()
{
	local super=$1 way=$2 at=$3 above=("${as_server[@]}")
	shift 3
	case $way in
	alone) set -- /usr/bin/env -u LD_PRELOAD "$@" ;;
	behind) above=(env) && set -- /usr/bin/env "${as_server[@]:1}" "$@" ;;
	esac
	"start_$super" "$at" "$@"
	server=$spawned
	await_listen "$at"
}

start_inetd()
{
	echo "127.0.0.1:$1 stream tcp ${wait:-nowait} $user $2 ${*:2}" >"$tmp/inetd.conf"
	spawn server "${above[@]}" inetd -E -i "$tmp/inetd.conf"
}

start_xinetd()
{
	cat >"$tmp/xinetd.conf" <<-END
		service echo
		{
			${itself:-type = UNLISTED}
			socket_type = stream
			protocol = tcp
			bind = 127.0.0.1
			port = $1
			wait = $([ "${wait:-nowait}" = wait ] && echo yes || echo no)
			user = $user
			${2:+server = $2}
			${3:+server_args = ${*:3}}
			instances = 20
		}
	END
	spawn server "${above[@]}" xinetd -dontfork -f "$tmp/xinetd.conf" -pidfile "$tmp/pid" \
		-filelog "$tmp/xinetd.out"
}

start_tcpserver()
{
	spawn server "${above[@]}" tcpserver -HRl0 127.0.0.1 "$@"
}

# What every super-server is asked.
server() # PORT
{
	start "$super" both "$1" /bin/cat
}

client() # PORT TEXT
{
	"${as_client[@]}" bash -c 'exec 3<>"/dev/tcp/localhost/$1" && echo "$2" >&3 &&
		read -r -t 20 line <&3 && echo "$line"' client "$1" "$2"
}

hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"; echo held >&3
		head -n 1 <&3; read -r line <&3' held "$1"
	await "cat to be answered" grep -qs held "$tmp/held.out"
}

supers=()
for super in inetd xinetd tcpserver; do
	command -v $super >/dev/null && supers+=("$super") || echo "  (left out: no $super here)"
done
[ ${#supers[@]} -gt 0 ] || skip "no inetd, xinetd or tcpserver here"
super=${supers[0]}
trial

for super in "${supers[@]}"; do
	for way in both alone behind; do
		step "$super, sleeved: $way"
		fresh_port
		server_as server
		client_as client
		[ "$way" = both ] && program=(/bin/cat) || program=("$(command -v sed)" 's/^//')
		start "$super" "$way" "$port" "${program[@]}"
		echoes
		stop "$server"
		fresh_port
		server_as server
		client_as client
		start "$super" "$way" "$port" "${lines[@]}"
		converses
		ends
		stays_silent
		leaves
		alive "$server" || fail "$super has died"
		stop_all
	done
done

# Accepts twice from 0, then gives the listener back; what answers is started with the connection.
waiting='use Socket; for (1, 2) { accept(my $peer, STDIN) or die $!; next if fork;
	open STDIN, "<&", $peer; open STDOUT, ">&", $peer; exec @ARGV } wait for 1, 2'
for super in "${supers[@]}"; do
	[ "$super" != tcpserver ] || continue
	for way in both behind; do
		step "$super leaves accepting to the program, sleeved: $way"
		fresh_port
		server_as server
		client_as client
		echo "$waiting" >"$tmp/waiting"
		wait="wait" start "$super" "$way" "$port" /usr/bin/perl "$tmp/waiting" /bin/cat
		for turn in 1 2 3 4; do
			answers "$port" "$marker$turn"
		done
		stop_all
	done
done

if [[ "${supers[*]}" == *xinetd*tcpserver* ]]; then
	step "xinetd answers itself"
	fresh_port
	server_as server
	client_as client
	itself=$'type = INTERNAL UNLISTED\nid = echo-stream' start xinetd both "$port"
	echoes
	stop "$server"
	step "xinetd passes on"
	fresh_port
	target=$port
	spawn target tcpserver -HRl0 127.0.0.1 "$target" "${lines[@]}"
	await_listen "$target"
	fresh_port
	server_as server
	client_as client
	itself=$'type = UNLISTED\nredirect = 127.0.0.1 '"$target" start xinetd both "$port"
	converses
	stop_all
fi

no_carrier
finish
