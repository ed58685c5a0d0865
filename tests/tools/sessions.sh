#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# `sleeve sessions` and `sleeve show` tell the truth of a program's connections while they last.
. "$(dirname "$0")/lib"
. tests/lib/pki.sh

for need in jq openssl /usr/bin/python3; do
	command -v "$need" >/dev/null || {
		echo "skip: no $need here"
		exit 77
	}
done

mkdir "$tmp/run"
pki_ca "$tmp" && pki_identity "$tmp" me DNS:localhost IP:127.0.0.1 || exit 1
pki_policy "$tmp/policy.conf" me <<'RULES' || exit 1
  { name = "denied"; on = "connect"; ports = [9]; mode = "deny"; },
  { name = "plain"; on = "connect"; to = ["127.0.0.2"]; mode = "plaintext"; },
  { name = "out"; on = "connect"; mode = "strict"; },
  { name = "in"; on = "accept"; from = ["127.0.0.1"]; mode = "strict"; }
RULES

# The host program: one session with itself, one plaintext connection, one that is denied.
cat >"$tmp/host.py" <<'PY'
import socket, sys, threading

def serve(listener):
    for _ in range(2):
        end, _ = listener.accept()
        kept.append(end)
        end.sendall(end.recv(100))

def talk(address):
    end = socket.socket()
    end.bind((address, 0))
    end.connect((address, port))
    end.sendall(b"question")
    assert end.recv(100) == b"question"
    return end

kept = []
listener = socket.create_server(("", 0))
port = listener.getsockname()[1]
server = threading.Thread(target=serve, args=(listener,))
server.start()
session = talk("127.0.0.1")
plain = talk("127.0.0.2")
server.join()
try:
    socket.create_connection(("127.0.0.1", 9))
except OSError:
    print(port, session.fileno(), flush=True)
sys.stdin.read(1)
PY
mkfifo "$tmp/in" "$tmp/said"
LD_PRELOAD=${PRELOAD_BEHIND:-} SLEEVE_SERVICE=till tools/sleeve-run \
	--policy "$tmp/policy.conf" --rundir "$tmp/run" \
	/usr/bin/python3 "$tmp/host.py" <"$tmp/in" >"$tmp/said" 2>"$tmp/host.err" &
host=$!
trap 'kill "$host" 2>/dev/null; rm -rf "$tmp"' EXIT
exec 7>"$tmp/in" 8<"$tmp/said"
port=
read -r port fd <&8
[ -n "$port" ] || {
	cat "$tmp/host.err"
	fail "the host program failed"
	exit 1
}
export SLEEVE_RUNDIR="$tmp/run"

# holds FILTER: true of the array of sessions.
holds()
{
	jq -e --arg port "$port" --argjson host "$host" "$1" "$tmp/out" >/dev/null ||
		fail "$what: not so: $1
$out"
}

what="sleeve sessions --json"
run "$sleeve" sessions --json
expect 0
holds 'length == 5 and all(.[]; .pid == $host and .service == "till" and .engine == "inline")'
holds 'all(.[]; .program | startswith("/usr/bin/python3"))'
holds 'all(.[]; .id | startswith("\($host)-")) and ([.[].id] | unique | length == 5)'
holds '[.[] | select(.verdict == "tls")] | length == 2 and all(.[]; .tls == "TLSv1.3" and
	.bytes_in == 8 and .bytes_out == 8 and .wire_in > 500 and .wire_out > 500 and
	.attested == true and .bypass == 0 and .state == "open" and .closed == null and
	.mode == "strict" and (.peer | contains("dns:localhost")) and .resumed == false)'
holds 'any(.[]; .rule == "out" and .side == "connect" and .verdict == "tls" and
	.remote == "127.0.0.1:" + $port)'
holds 'any(.[]; .rule == "in" and .side == "accept" and .local == "127.0.0.1:" + $port)'
holds 'any(.[]; .rule == "plain" and .verdict == "plaintext" and .reason == "rule" and
	.tls == null and .peer == null and .attested == null)'
holds 'any(.[]; .rule == null and .verdict == "plaintext" and .reason == "no_rule" and
	.side == "accept")'
holds 'any(.[]; .rule == "denied" and .verdict == "refused" and .reason == "rule" and
	.remote == "127.0.0.1:9")'
holds 'all(.[]; .opened | fromdateiso8601 > (now - 600))'
holds '[.[] | keys - ["id", "pid", "program", "side", "local", "remote", "rule", "mode", "verdict",
	"reason", "engine", "tls", "cipher", "group", "resumed", "peer", "peer_expires", "opened",
	"bytes_in", "bytes_out", "state", "wire_in", "wire_out", "bypass", "attested", "uid",
	"service", "file"] | length < 4] | all'

what="sleeve, with nothing behind it"
run "$sleeve"
expect 0 VERDICT "to 127.0.0.1:$port" "from 127.0.0.1:" "$host-1" dns:localhost refused no_rule
what="the table in 80 columns"
run env COLUMNS=80 "$sleeve" sessions
expect 0 VERDICT
awk 'length > 80 { exit 1 }' "$tmp/out" || fail "$what: $out"

what="sleeve show"
id=$("$sleeve" sessions --json | jq -r '.[] | select(.rule == "out") | .id')
run "$sleeve" show "$id"
expect 0 "attested      yes" "peer          " "cipher        TLS_" "Outcomes"
run "$sleeve" show "$host-999"
expect 1 "no connection $host-999"
run "$sleeve" show
expect 2 usage

# What reaches the socket past the library is found out by the kernel's own count: here a process
# that takes the descriptor out of the host program.
cat >"$tmp/intruder.py" <<'PY'
import ctypes, os, sys
pidfd_getfd = 438
fd = ctypes.CDLL(None).syscall(pidfd_getfd, os.pidfd_open(int(sys.argv[1])), int(sys.argv[2]), 0)
os.write(fd, b"12345")
PY
what="five bytes written past the session"
if /usr/bin/python3 "$tmp/intruder.py" "$host" "$fd" 2>/dev/null; then
	run "$sleeve" show "$id"
	expect 0 "attested      no" "+5 bytes out" "+0 bytes in"
	run "$sleeve" sessions
	expect 0 "BYPASS +0 in, +5 out"
	run "$sleeve" sessions --json
	holds 'any(.[]; .rule == "out" and .attested == false)'
else
	echo "no pidfd_getfd(2) for us here; bytes past the session are not tried"
fi

# The dead: what was refused is remembered, what went well is not.
exec 7>&-
wait "$host"
what="sleeve sessions, afterwards"
run "$sleeve" sessions --json
holds 'length == 1 and .[0].verdict == "refused"'
run "$sleeve" sessions --all --json
holds 'length == 5 and all(.[]; .state != "open")'

what="sleeve sessions --watch"
run timeout -s INT -k 5 1 "$sleeve" sessions --watch
expect 124 denied
what="misuse"
for arguments in "sessions --json --watch" "sessions surplus" "sessions --nonsense" nonsense; do
	# shellcheck disable=SC2086 # several words
	run "$sleeve" $arguments
	expect 2 usage
done
what="a run directory that is not there"
run "$sleeve" sessions --rundir "$tmp/nowhere"
expect 1 "$tmp/nowhere: No such file"
what="a full disk"
run sh -c '"$1" sessions --json >/dev/full' sh "$sleeve"
expect 1 "No space left"
what="sleeve --version"
run "$sleeve" --version
expect 0 "sleeve " "wolfSSL 5." "CPU instructions: " "X25519MLKEM768: yes"
exit $bad
