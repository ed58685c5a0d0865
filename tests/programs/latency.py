#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# The first answer over a long way: no more round trips than TCP and TLS 1.3 need.
"""latency.py BUILD FOLDER: bare and sleeved, case by case.

FOLDER holds near.conf and far.conf, the policies of the client's and the server's host.  Exit
status 0 when every conversation took, sleeved, one round trip more than bare or less.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire as w  # noqa: E402

BUILD, FOLDER = sys.argv[1:3]
PYTHON = "/usr/bin/python3"
DELAY = 0.05

# Both sides: how many rounds, who speaks first, in how many pieces a message is written.
TALK = """
import select, socket, sys
role, port, nodelay, rounds, pieces, loop = sys.argv[1], *map(int, sys.argv[2:])

def tune(s):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
    s.setblocking(not loop)

def wait(s, event):
    if loop:
        p = select.epoll()
        p.register(s, event)
        p.poll()

def say(s, size):
    for i in range(pieces):
        wait(s, select.EPOLLOUT)
        s.sendall(b"x" * (size // pieces))

def hear(s, size):
    while size:
        wait(s, select.EPOLLIN)
        got = len(s.recv(size))
        assert got, "the end came too early"
        size -= got

def client(s):
    for _ in range(rounds):
        say(s, 100)
        hear(s, 300)

def server(s):
    for _ in range(rounds):
        hear(s, 100)
        say(s, 300)

def greeter(s):
    say(s, 300)
    hear(s, 100)

def greeted(s):
    hear(s, 300)
    say(s, 100)
    wait(s, select.EPOLLIN)
    s.recv(1)

if role in ("server", "greeter"):
    l = socket.create_server(("192.0.2.2", port))
    print("listening", flush=True)
    s = l.accept()[0]
else:
    s = socket.socket()
    if loop:
        s.setblocking(False)
        s.connect_ex(("192.0.2.2", port))
        wait(s, select.EPOLLOUT)
    else:
        s.connect(("192.0.2.2", port))
tune(s)
globals()[role](s)
print("done", flush=True)
"""


def environment(side, sleeved):
    if not sleeved:
        return dict(os.environ)
    return {**os.environ, "LD_PRELOAD": os.path.join(BUILD, "libsleeve.so"),
            "SLEEVE_POLICY": os.path.join(FOLDER, ("near", "far")[side] + ".conf"),
            "SLEEVE_RUNDIR": os.path.join(FOLDER, "run"), "SLEEVE_LOG": "warn:stderr"}



def converse(wire, port, roles, options, sleeved):
    """Runs one conversation; the depth at which the client has all it waits for."""
    server = wire.start(w.FAR, [PYTHON, "-c", TALK, roles[0], str(port), *options],
                        env=environment(w.FAR, sleeved), stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    client = wire.start(w.NEAR, [PYTHON, "-c", TALK, roles[1], str(port), *options],
                        env=environment(w.NEAR, sleeved), stdout=subprocess.PIPE, text=True)
    try:
        said = client.communicate(timeout=20)[0]
        heard = server.communicate(timeout=20)[0]
    except subprocess.TimeoutExpired:
        said = heard = "nothing"
    finally:
        for process in client, server:
            process.kill()
            process.wait()
    if said != "done\n" or heard != "done\n":
        sys.exit(f"a conversation did not end well: {said!r}, {heard!r}")
    (hops,) = wire.hops(port)
    # The server's last bytes before the end; its goodbye has the size of an alert.
    last = [h for h in hops if h.sender == w.FAR and h.size > 60]
    return last[-1].depth, last[-1].seconds - hops[0].seconds + DELAY


def main():
    wire = w.Wire(DELAY)
    failed = 0
    port = 7000
    print("round trips until the client has its last answer; 50 ms each way")
    cases = [(f"{what}, {'event loop' if loop else 'blocking'}, TCP_NODELAY {nodelay}",
              roles, [str(nodelay), str(rounds), str(pieces), str(loop)])
             for what, roles, rounds, pieces in (
                 ("one request", ("server", "client"), 1, 1),
                 ("five requests", ("server", "client"), 5, 1),
                 ("a request in two writes", ("server", "client"), 1, 2),
                 ("a greeting first", ("greeter", "greeted"), 1, 1))
             for loop in (0, 1) for nodelay in (0, 1)]
    for name, roles, options in cases:
        depth, seconds = {}, {}
        for sleeved in False, True:
            port += 1
            depth[sleeved], seconds[sleeved] = converse(wire, port, roles, options, sleeved)
        trips = {k: (v + 1) / 2 for k, v in depth.items()}
        good = trips[True] <= trips[False] + 1
        failed += not good
        print(f"  {'ok  ' if good else 'FAIL'} {name}: bare {trips[False]:g}, sleeved "
              f"{trips[True]:g}  ({seconds[False] * 1e3:.0f} and {seconds[True] * 1e3:.0f} ms)",
              flush=True)
    sys.exit(failed != 0)


main()
