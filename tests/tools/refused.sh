#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A connection that a program was started with and that is refused: it is for what that starts, too.
. "$(dirname "$0")/lib"

if ! command -v python3 >/dev/null; then
	echo "python3 is not installed"
	exit 77
fi

cat >"$tmp/policy.conf" <<'E2'
version = 1;
rules = ( { name = "none"; on = "accept"; mode = "deny"; } );
E2

# A bare end talks to a sleeved program, which starts a bare one by vfork(2) and by posix_spawn(3).
cat >"$tmp/pass.py" <<'E2'
import os, socket, subprocess, sys
words = ["/bin/sh", "-c", f"echo in clear >&{sys.argv[2]}"] if sys.argv[1:2] == ["program"] else []
if words and sys.argv[3] == "vfork":
    # With a folder of its own: else Python would take posix_spawn here, too.
    subprocess.run(words, env={}, close_fds=False, cwd="/", stderr=subprocess.DEVNULL)
elif words:
    os.waitpid(os.posix_spawn(words[0], words, {}), 0)
else:
    for how in "vfork", "spawn":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server = listener.accept()[0]
        client.sendall(b"x")
        server.recv(1)
        fd = server.fileno()
        settings = dict(os.environ, LD_PRELOAD=sys.argv[1])
        subprocess.run([sys.executable, __file__, "program", str(fd), how], env=settings,
                       pass_fds=[fd], check=True, stderr=subprocess.DEVNULL)
        server.close()
        client.settimeout(10)
        try:
            print(how, client.recv(100).decode() or "nothing")
        except ConnectionResetError:
            print(how, "nothing")
E2

what="what a program starts"
run env SLEEVE_POLICY="$tmp/policy.conf" SLEEVE_RUNDIR="$tmp/run" SLEEVE_LOG=error:/dev/null \
	python3 "$tmp/pass.py" "$BUILD/libsleeve.so"
expect 0 "vfork nothing" "spawn nothing"

exit $bad
