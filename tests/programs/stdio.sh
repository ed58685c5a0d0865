#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # expanded by an inner shell
# Connections on standard streams: super-servers in front of cat and perl; bash's /dev/tcp.
. "$(dirname "$0")/lib.sh"
begin stdio perl nc
engine=carrier

# A super-server that is sleeved itself: accept, fork, copies onto 0 and 1, exec.
server() # PORT
{
	spawn server "${as_server[@]}" \
		socat "TCP-LISTEN:$1,bind=127.0.0.1,reuseaddr,fork" EXEC:cat,nofork
	server=$spawned
	await_listen "$1"
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
	await "bash to be answered" grep -qs held "$tmp/held.out"
}

no_carrier()
{
	! "$BUILD/sleeve" sessions --json --rundir "$tmp/run" |
		jq -e '.[] | select(.verdict == "tls" or .verdict == "pending")' >/dev/null
}

trial

# Makes $tmp/served: the program as a sleeved server is started.
served() # PROGRAM AND ARGUMENTS IN ONE WORD
{
	printf '#!/bin/sh\nexec %s %s\n' "$(printf '%q ' "${as_server[@]}")" "$1" >"$tmp/served"
	chmod +x "$tmp/served"
}

head -c 5M </dev/urandom >"$tmp/there"

step "a super-server that knows nothing of Sleeve, sleeved programs behind it"
for program in "perl -pe s/^//" cat; do
	fresh_port
	server_as server
	client_as client
	served "$program"
	spawn server socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" \
		"EXEC:$tmp/served,nofork"
	await_listen "$port"
	rm -f "$tmp/got"
	"${as_client[@]}" nc -N localhost "$port" <"$tmp/there" >"$tmp/got" 2>>"$tmp/client.out" ||
		fail "nc failed against $program"
	cmp "$tmp/there" "$tmp/got" || fail "$program: the file came back changed"
	stop_all
done

step "a socket unit with Accept=yes"
if command -v systemd-socket-activate >/dev/null; then
	fresh_port
	server_as server
	client_as client
	served cat
	spawn server systemd-socket-activate --accept --inetd -l "127.0.0.1:$port" "$tmp/served"
	await_listen "$port"
	[ "$(client "$port" "$marker" 2>>"$tmp/client.out")" = "$marker" ] ||
		fail "no answer through systemd-socket-activate"
	stop_all
else
	echo "  (left out: no systemd-socket-activate here)"
fi

step "perl's sockets, parent and child in turns"
fresh_port
server_as server
client_as client
server "$port"
got=$("${as_client[@]}" perl -MIO::Socket::INET -e '
	$s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die $!;
	sub ask { print $s "$_[0]\n"; $l = <$s>; print $l; }
	ask("parent"); if (fork() == 0) { ask("child"); exit } wait; ask("parent again");
	shutdown($s, 1); print defined(<$s>) ? "more" : "end"' "$port" 2>>"$tmp/client.out")
[ "$got" = $'parent\nchild\nparent again\nend' ] || fail "perl heard: $got"
stop_all

step "accepted by one process, served by another"
fresh_port
client_as client
for which in bare server; do
	server_as "$which"
	sender=("${as_server[@]}")
	server_as server
	spawn server "${sender[@]}" /usr/bin/python3 -c '
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), reuse_port=True)
ours, theirs = socket.socketpair()
worker = subprocess.Popen(sys.argv[2:], stdin=theirs)
theirs.close()
peer = listener.accept()[0]
socket.send_fds(ours, [b"x"], [peer.fileno()])
peer.close()
worker.wait()' "$port" "${as_server[@]}" /usr/bin/python3 -c '
import socket
channel = socket.socket(fileno=0)
peer = socket.socket(fileno=socket.recv_fds(channel, 1, 1)[1][0])
while data := peer.recv(65536):
    peer.sendall(data)'
	await_listen "$port"
	[ "$(client "$port" "$marker" 2>>"$tmp/client.out")" = "$marker" ] ||
		fail "no answer where the acceptor is $which"
	await "the acceptor to end" ended "$spawned"
done
stop_all

step "a sleeved program that was left somebody's connection and does not use it"
fresh_port
server_as server
/usr/bin/python3 -c '
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
ours = socket.create_connection(listener.getsockname())
peer = listener.accept()[0]
ours.sendall(b"unread until now")
peer.recv(1, socket.MSG_PEEK)
subprocess.run(sys.argv[2:], pass_fds=[peer.fileno()], check=True)
assert peer.recv(100) == b"unread until now"
peer.sendall(b"answer")
assert ours.recv(100) == b"answer"' "$port" "${as_server[@]}" perl -e 'exit 0' \
	>"$tmp/left.out" 2>&1 || fail "the connection came to harm"

[ "$MODE" = bare ] || {
	step "no carrier is left"
	await "the carriers to end" no_carrier
}
finish
