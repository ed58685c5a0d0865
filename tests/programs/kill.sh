#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# SIGKILL at random moments to each process of a pair; ROUNDS=1000 for more, SEED=1 for the same.
BOUND=${BOUND:-$((150 + ${ROUNDS:-0} + ${REPLACED:-0}))}
. "$(dirname "$0")/lib.sh"
begin kill /usr/bin/python3
seed=${SEED:-$RANDOM}
rounds=${ROUNDS:-90}
replaced=${REPLACED:-150}

# One for each kind of server in kill.py.
policies() # PORT
{
	pki_policy "$tmp/pki/$1-server.conf" server <<-EOT
		{ name = "$name in"; on = "accept"; ports = ["$1-$(($1 + 3))"]; mode = "strict";
		  peer = ["uri:spiffe://test/client"]; }
	EOT
	pki_policy "$tmp/pki/$1-client.conf" client <<-EOT
		{ name = "$name out"; on = "connect"; ports = ["$1-$(($1 + 3))"]; mode = "strict"; }
	EOT
}

four_free()
{
	fresh_port
	local n
	for n in 1 2 3; do
		! grep -qsE ":$(printf %04X $((port + n))) " /proc/net/tcp /proc/net/tcp6 ||
			return
	done
}

drive() # ROUNDS REPLACED
{
	local rundir=$tmp/run
	[ "$MODE" != bare ] || rundir=-
	rm -f "$tmp/drive.out"
	spawn drive /usr/bin/python3 "$root/tests/programs/kill.py" "$seed" "$1" "$2" "$port" \
		"$marker" "$BUILD/sleeve" "$rundir" $((10 * slow)) \
		"${as_server[@]}" -- "${as_client[@]:2}"
	AWAIT=$BOUND await "the rounds" ended "$spawned"
	grep -qx done "$tmp/drive.out" || fail "seed $seed: $(grep -m 1 WRONG "$tmp/drive.out")"
	sed '$d' "$tmp/drive.out"
	seed=$((seed + 1))
}

await "four ports" four_free
server_as server
client_as client

left=$rounds
while [ "$left" -gt 0 ]; do
	some=$((left < 60 ? left : 60))
	left=$((left - some))
	step "$some rounds from seed $seed"
	eavesdrop "$port" $((port + 1)) $((port + 2)) $((port + 3))
	drive "$some" 0
	overheard
	[ "$MODE" = bare ] && wire_shows "$marker" || wire_hides "$marker"
	stop_all
done

step "$replaced workers killed and replaced"
[ "$MODE" = bare ] || drive 0 "$replaced"
stop_all

step "a child in a pid namespace of its own, which closes what it was left"
if unshare --pid true 2>/dev/null; then
	server_as server
	client_as client
	spawn server "${as_server[@]}" /usr/bin/python3 "$root/tests/programs/serve.py" \
		threading "$port"
	await_listen "$port"
	"${as_client[@]}" /usr/bin/python3 -c '
import ctypes, os, socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def ask(text):
    peer.sendall(text)
    assert peer.recv(100) == text
ask(b"before")
assert ctypes.CDLL(None).unshare(0x20000000) == 0  # CLONE_NEWPID
if (first := os.fork()) == 0:
    if os.fork() == 0:
        ask(b"within")
        peer.close()
        os._exit(0)
    assert os.wait()[1] == 0
    peer.close()
    os._exit(0)
assert os.waitpid(first, 0)[1] == 0
ask(b"after")' "$port" >"$tmp/within.out" 2>&1 || fail "the connection came to harm"
	stop_all
else
	echo "  (left out: no pid namespaces for us here)"
fi
finish
