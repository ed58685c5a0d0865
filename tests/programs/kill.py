# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL to one of a pair at a random moment: what do the others see, and what is left?

kill.py SEED ROUNDS REPLACED PORT MARKER SLEEVE RUNDIR BOUND SERVER... -- CLIENT...

Two zygotes, one behind each of the commands, fork the programs of each round, so that each is a
family of its own and costs no start.  On PORT and those behind it stand four kinds of servers,
which go on from round to round until they are killed:

    inline    serves one after the other
    fork      forks for each connection, and closes it
    prefork   two workers on one listener; the parent replaces those that die
    carrier   has each connection on descriptors 0 and 1

ROUNDS times a client has bytes echoed, and whoever is chosen is killed.  Then REPLACED workers of
fork and prefork are killed in the middle of serving, and what the parent holds is measured.
RUNDIR "-": a bare run, in which there is nothing to measure, and a cut connection may just end.
"""
import errno
import fcntl
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time

FORMS = ("inline", "fork", "prefork", "carrier")
STAGES = ("started", "connecting", "connected", "open", "half", "closing")
LISTENERS = {}


# ---- in the families -----------------------------------------------------------------------


def say(*words):
    os.write(status, (" ".join(map(str, (os.getpid(), *words))) + "\n").encode())


def echo(source, sink):
    say("accepted")
    head, passed = b"", 0
    try:
        while data := os.read(source, 65536):
            take = max(0, 8 - len(head))
            head += data[:take]
            data = data[take:]
            passed += len(data)
            while data:
                data = data[os.write(sink, data):]
        whole = len(head) == 8 and struct.unpack("!Q", head)[0] == passed
        say("served", "complete" if whole else "end")
    except OSError as trouble:
        say("served", errno.errorcode[trouble.errno])


def serve(peer):
    echo(peer.fileno(), peer.fileno())
    peer.close()


def accept_for_ever(listener, work):
    while True:
        try:
            peer = listener.accept()[0]
        except ConnectionAbortedError:
            continue
        work(peer)


def on_standard_streams(peer):
    os.dup2(peer.fileno(), 0)
    os.dup2(peer.fileno(), 1)
    peer.close()
    echo(0, 1)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


def in_a_child(peer):
    if os.fork() == 0:
        serve(peer)
        os._exit(0)
    peer.close()


def workers(listener):
    serve(listener.accept()[0])  # what is shared by the family is there now
    while True:
        for _ in range(2 - len(LISTENERS)):
            pid = os.fork()
            if pid == 0:
                accept_for_ever(listener, serve)
            LISTENERS[pid] = True
            say("worker", pid)
        LISTENERS.pop(os.wait()[0], None)


def server(form, port):
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    if form == "fork":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    say("listening")
    if form == "prefork":
        workers(listener)
    accept_for_ever(listener, {"inline": serve, "fork": in_a_child,
                               "carrier": on_standard_streams}[form])


def exchange(fd, size):
    """Yields when half is through."""
    head = struct.pack("!Q", size)
    text = marker * (65536 // len(marker) + 1)
    for at in range(0, size, 60000):
        piece = text[:min(60000, size - at)]
        out = head + piece
        head = b""
        while out:
            out = out[os.write(fd, out):]
        back = b""
        while len(back) < len(piece):
            data = os.read(fd, len(piece) - len(back))
            if not data:
                raise EOFError
            back += data
        if back != piece:
            say("client", "garbled")
            os._exit(1)
        if at == 0:
            say("open")
        if 0 <= at - size // 2 < 60000:
            say("half")


def client(form, port, size):
    say("connecting")
    try:
        peer = socket.create_connection(("127.0.0.1", port))
        say("connected")
        fd = peer.fileno()
        if form == "carrier" and size % 2:
            os.dup2(fd, 0)
            peer.close()
            fd = 0
        exchange(fd, size)
        say("closing")
        socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_WR)
        if os.read(fd, 1):
            say("client", "garbled")
        else:
            say("client", "complete")
    except EOFError:
        say("client", "end")
    except OSError as trouble:
        say("client", errno.errorcode[trouble.errno])


def zygote():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in os.fdopen(int(sys.argv[3]), "rb", buffering=0):
        what, *arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(int(sys.argv[3]))
            os.close(int(sys.argv[4]))
            {"server": server, "client": client}[what](*arguments)
            os._exit(0)
        os.write(int(sys.argv[4]), b"%d\n" % pid)


# ---- who looks on --------------------------------------------------------------------------


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def shoot(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Zygote:
    def __init__(self, words, status_end):
        orders, self.orders = os.pipe()
        self.answers, answers = os.pipe()
        own = [str(n) for n in (status_end, orders, answers)]
        subprocess.Popen([*words, sys.executable, __file__, "zygote", *own, marker],
                         pass_fds=(status_end, orders, answers), stdin=subprocess.DEVNULL)
        os.close(orders)
        os.close(answers)

    def fork(self, *what):
        os.write(self.orders, json.dumps(what).encode() + b"\n")
        return int(os.read(self.answers, 100))


class Watch:
    def __init__(self, rng, first_port, sleeve, rundir, bound, as_server, as_client):
        self.rng, self.first_port = rng, first_port
        self.sleeve, self.rundir, self.bound = sleeve, rundir, bound
        self.status, end = os.pipe()
        self.server, self.client = Zygote(as_server, end), Zygote(as_client, end)
        self.pending = b""
        self.servers, self.workers = {}, {}
        self.active, self.said = {}, {}
        self.what = "the beginning"
        self.seen = {}

    def wrong(self, text):
        print(f"WRONG: {self.what}: {text}", flush=True)
        sys.exit(1)

    def hear(self, wait=0.0):
        """Takes in what the families have said."""
        while select.select([self.status], [], [], wait)[0]:
            wait = 0
            self.pending += os.read(self.status, 65536)
        *lines, self.pending = self.pending.split(b"\n")
        for line in lines:
            pid, what, *more = line.decode().split()
            self.said.setdefault(int(pid), []).append((what, *more))
            if what == "accepted":
                self.active[int(pid)] = True
            elif what == "served":
                self.active.pop(int(pid), None)
            elif what == "worker":
                self.workers.setdefault(int(pid), []).append(int(more[0]))
        for pid in [pid for pid in self.active if not lives(pid)]:
            del self.active[pid]

    def until(self, what, condition):
        end = time.monotonic() + self.bound
        while not (result := condition()):
            if time.monotonic() > end:
                self.wrong(f"waited in vain for {what}: {self.active} {self.said} "
                           f"{self.carriers()} {self.shown()}")
            self.hear(0.002)
        return result

    def heard(self, pid, *whats):
        return any(line[0] in whats for line in self.said.get(pid, []))

    def outcome(self, pid):
        return next((line[1] for line in self.said.get(pid, []) if line[0] == "client"), None)

    def port(self, form):
        return self.first_port + FORMS.index(form)

    def stand(self, form):
        """A server of this form, which serves."""
        pid = self.servers.get(form)
        if not pid or not lives(pid):
            pid = self.servers[form] = self.server.fork("server", form, self.port(form))
            self.until("a listener", lambda: self.heard(pid, "listening"))
            if form == "prefork":
                self.ask(form)
                self.until("workers", lambda: len(self.workers.get(pid, [])) >= 2)
        return pid

    def ask(self, form):
        pid = self.client.fork("client", form, self.port(form), 1000)
        self.until("an answer", lambda: not lives(pid))
        self.hear()
        if self.outcome(pid) != "complete":
            self.wrong(f"a new connection: {self.outcome(pid)}")

    def carriers(self):
        """Those of this run."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/comm") as f:
                    if f.read() != "sleeve-carrier\n" or not lives(pid):
                        continue
                with open(f"/proc/{pid}/environ") as f:
                    if f"SLEEVE_RUNDIR={self.rundir}\0" in f.read():
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def shown(self):
        """What is open.  The refused are told for a while."""
        if self.rundir == "-":
            return []
        out = subprocess.run([self.sleeve, "sessions", "--json", "--rundir", self.rundir],
                             capture_output=True, text=True)
        if out.stderr:
            self.wrong(f"sleeve says: {out.stderr}")
        return [one for one in json.loads(out.stdout)
                if not one["closed"] and one["verdict"] != "refused"]

    def rest(self):
        """All comes to rest: nobody serves, nobody carries, nothing is shown as open."""
        self.until("the others to end", lambda: not self.active)
        self.until("the carriers to end", lambda: not self.carriers())
        self.until("a registry without what is over", lambda: not self.shown())

    def victim(self, form, who, client_pid):
        if who == "carrier":
            return (self.carriers() or [client_pid])[0]
        if who == "worker":
            self.hear()
            return next(iter(self.active), client_pid)
        return self.servers[form] if who == "server" else client_pid

    def round(self, number):
        rng = self.rng
        form = rng.choice(FORMS)
        who = rng.choice({"inline": ("client", "server"),
                          "fork": ("client", "server", "worker"),
                          "prefork": ("client", "worker"),
                          "carrier": ("client", "server", "carrier", "carrier")}[form])
        there = who in ("worker", "carrier")  # only while there is a connection
        stage = rng.choice(STAGES[2 * there:])
        size = rng.choice((100000, 400001, 2000000) if there else (1, 2, 3001, 100000, 400001))
        later = rng.choice((0, rng.uniform(0, 0.0005), rng.uniform(0, 0.003)))
        self.what = f"round {number}: {form}, {who} at {stage} + {later * 1e6:.0f} us, {size} bytes"
        self.stand(form)
        self.said.clear()
        pid = self.client.fork("client", form, self.port(form), size)
        if stage != "started":
            self.until(stage, lambda: self.heard(pid, stage, "client") or not lives(pid))
        if who == "worker":
            self.until("a worker", lambda: self.active or not lives(pid))
        time.sleep(later)  # the moment itself
        target = self.victim(form, who, pid)
        if who == "carrier" and target == pid or who == "worker" and target == pid:
            who = "client"
        self.hear()
        taken = form == "fork" and bool(self.active)
        shoot(target)
        self.until("the killed to be gone", lambda: not lives(target))
        self.until("the client to end", lambda: not lives(pid))
        self.hear()
        self.rest()
        self.judge(form, who, pid)
        if who == "server" and taken and self.outcome(pid) != "complete":
            self.wrong(f"the worker's connection came to harm: {self.outcome(pid)}")
        if who != "server":
            self.ask(form)
        elif form == "carrier":
            self.stand(form)
        self.rest()
        self.seen[form, who] = self.seen.get((form, who), 0) + 1

    def judge(self, form, who, pid):
        """A cut connection is no end, unless a carrier has brought the program's out."""
        outcome = self.outcome(pid)
        if who != "client" and outcome is None:
            self.wrong("the client has ended without a word")
        if outcome == "garbled":
            self.wrong("what came back is something else")
        may_end = self.rundir == "-" or form == "carrier"
        if outcome == "end" and not may_end:
            self.wrong("a cut stream was taken for a whole one by the client")
        for lines in self.said.values():
            if ("served", "end") in lines and not may_end:
                self.wrong("a cut stream was taken for a whole one by the server")

    # ---- what is left -------------------------------------------------------------------

    def held(self, pid):
        """Stretches of the arena, and entries of the registry that say they live."""
        with open(f"/proc/{pid}/maps") as f:
            chunks = sum("/dev/zero" in line and " rw-s " in line for line in f)
        live = 0
        for name in os.listdir(self.rundir):
            if name.partition(".")[0] != str(pid):
                continue
            with open(os.path.join(self.rundir, name), "rb") as f:
                used = struct.unpack_from("=I", f.read(1024), 8 + 4 * 6 + 8 * 5)[0]
                f.seek(16384)
                live += sum(struct.unpack_from("=I", f.read(768), 36)[0] == 1
                            for _ in range(used))
        return chunks, live

    def files(self):
        """The readers have swept what families left that are dead and were refused nothing."""
        self.shown()
        for name in os.listdir(self.rundir):
            with open(os.path.join(self.rundir, name), "rb") as f:
                head = f.read(1024)
                try:
                    fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                if head and struct.unpack_from("=q", head, 56)[0] == 0:
                    self.wrong(f"{name} of a dead family is still there")

    def replace(self, form, times):
        self.what = f"{form}, workers killed"
        pid = self.stand(form)
        before = None
        for n in range(times):
            self.said.clear()
            peer = self.client.fork("client", form, self.port(form), 1 << 50)
            worker = self.until("a worker", lambda: self.heard(peer, "open") and
                                next(iter(self.active), None))
            shoot(worker)
            self.until("the client to end", lambda: not lives(peer))
            self.until("the worker to end", lambda: not self.active)
            if n == min(50, times // 2):
                before = self.held(pid)
        self.ask(form)
        after = self.held(pid)
        print(f"{form}: {times} workers killed; arena and entries {before}, then {after}")
        if after[0] > before[0] or after[1] > max(before[1], 40) or not after[0]:
            self.wrong(f"what is held has grown from {before} to {after}")
        self.rest()


def main():
    seed, rounds, replaced, port = map(int, sys.argv[1:5])
    sleeve, rundir, bound, *words = sys.argv[6:]
    middle = words.index("--")
    watch = Watch(random.Random(seed), port, sleeve, rundir, float(bound),
                  words[:middle], words[middle + 1:])
    for number in range(rounds):
        watch.round(number)
    for (form, who), count in sorted(watch.seen.items()):
        print(f"{form}: {who} killed {count} times")
    if rundir != "-":
        watch.files()
    if rundir != "-" and replaced:
        for form in ("prefork", "fork"):
            watch.replace(form, replaced)
    print("done", flush=True)


if sys.argv[1] == "zygote":
    status, marker = int(sys.argv[2]), sys.argv[5].encode()
    zygote()
else:
    marker = sys.argv[5]
    main()
