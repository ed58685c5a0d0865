#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A program that goes into a chroot, as another user, before its first connection: it is shown, it
# logs, and it follows its policy.
. "$(dirname "$0")/lib"

[ "$(id -u)" = 0 ] || {
	echo "skip: only root may chroot"
	exit 77
}
command -v /usr/bin/python3 >/dev/null || {
	echo "skip: no python3 here"
	exit 77
}

policy() # MODE
{
	cat >"$tmp/new" <<-P
	version = 1;
	rules = ( { name = "all"; on = "connect"; mode = "$1"; } );
	P
	mv "$tmp/new" "$tmp/policy.conf"
}

# The policy is looked at once a second.
cat >"$tmp/host.py" <<'PY'
import os, socket, sys, time

def connect():
    socket.socket().connect(listener.getsockname())

listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
os.chroot(sys.argv[1])
os.chdir("/")
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
connect()
print("connected", flush=True)
sys.stdin.readline()
end = time.monotonic() + 20
while time.monotonic() < end:
    try:
        connect()
    except PermissionError:
        print("refused")
        break
    time.sleep(0.05)
PY

mkdir "$tmp/cage" "$tmp/run"
chmod 1777 "$tmp/run"
: >"$tmp/log"
chmod 0666 "$tmp/log"
mkfifo "$tmp/go"
policy plaintext
what="a program in a chroot"
env LD_PRELOAD="$BUILD/libsleeve.so" SLEEVE_POLICY="$tmp/policy.conf" SLEEVE_RUNDIR="$tmp/run" \
	SLEEVE_LOG="error:$tmp/log" /usr/bin/python3 "$tmp/host.py" "$tmp/cage" \
	<"$tmp/go" >"$tmp/said" 2>&1 &
host=$!
exec 3>"$tmp/go"
tries=0
until grep -q connected "$tmp/said" || [ $tries -gt 200 ]; do
	tries=$((tries + 1))
	sleep 0.05
done
policy deny
exec 3>&-
wait $host || fail "$what: exit status $?"
run cat "$tmp/said"
expect 0 connected refused
run cat "$tmp/log"
expect 0 'refused' 'rule all'
run "$sleeve" sessions --json --all --rundir "$tmp/run"
expect 0 '"verdict": "plaintext"' '"verdict": "refused"' '"rule": "all"'
rmdir "$tmp/cage" || fail "$what: files in the chroot"

exit $bad
