# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers whose workers come and go: a third one, who asks all of them, and who looks on.

prefork.py serve PORT        accepts and forks.  The client's first line says how the child goes
                             on: "echo" and closes, "exit" without closing, or "cat", another
                             program on the connection.  It tells its pid, then brings lines back.
prefork.py ask SEED SLEEVE-RUNDIR APACHE PID GUNICORN PID FORK PID
                             ports and processes; orders come by standard input:
    hold N                   N connections each to Apache and fork, to which nothing happens
    ask N                    so many exchanges, of all kinds, and workers are killed meanwhile
    rest                     all is over but what is held
    end                      that, too
                             each is answered by a line: what was asked, and what there was so far
prefork.py look SLEEVE-RUNDIR [NAME PID]...
                             lines "NAME WHAT NUMBER" of what the run directory and processes hold
"""
import fcntl
import http.client
import os
import random
import re
import signal
import socket
import struct
import sys
import time

WAIT = 60
KEEP = 600  # seconds: REGISTRY_KEEP of shim/registry/layout.h
GONE = (OSError, http.client.HTTPException)


# ---- the third server ----------------------------------------------------------------------


def line_of(peer):
    line = b""
    while not line.endswith(b"\n"):
        piece = peer.recv(1)
        if not piece:
            os._exit(0)
        line += piece
    return line.decode().strip()


def in_the_child(peer):
    way = line_of(peer)
    peer.sendall(b"%d\n" % os.getpid())
    if way == "cat":
        os.dup2(peer.fileno(), 0)
        os.dup2(peer.fileno(), 1)
        peer.close()
        os.execvp("cat", ["cat"])
    while data := peer.recv(65536):
        peer.sendall(data)
    if way == "echo":
        peer.close()


def serve(port):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    while True:
        try:
            peer = listener.accept()[0]
        except ConnectionAbortedError:
            continue
        if os.fork() == 0:
            try:
                listener.close()
                in_the_child(peer)
            except OSError:
                pass
            os._exit(0)
        peer.close()


# ---- processes -----------------------------------------------------------------------------


def state(pid):
    """(the state, the parent), as in proc(5)'s stat."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[:2]
    except OSError:
        return "X", "0"


def of_run(rundir):
    """The living processes under this run directory."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if f"SLEEVE_RUNDIR={rundir}\0".encode() in f.read() and state(pid)[0] not in "ZX":
                    yield int(pid)
        except OSError:
            pass


def is_carrier(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read() == "sleeve-carrier\n"
    except OSError:
        return False


# ---- who asks ------------------------------------------------------------------------------


def wrong(text):
    print("WRONG:", text, flush=True)
    sys.exit(1)


class Web:
    """Apache or gunicorn."""

    def __init__(self, asker, name, port, parent, paths, big):
        self.asker, self.name, self.port, self.parent = asker, name, port, parent
        self.paths, self.big = paths, big
        self.kept = None

    def connect(self):
        self.asker.connections += 1
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)

    def ask(self, connection, path, close):
        connection.request("GET", path, headers={"Connection": "close"} if close else {})
        self.asker.maybe_shoot(self)
        answer = connection.getresponse()
        body = answer.read()
        worker = answer.headers["X-Worker"]
        if path == "/cgi/parent":
            fine = body.strip().isdigit()
        else:
            fine = body == b"load-word"
        if answer.status != 200 or not fine or not worker:
            wrong(f"{self.name} answers {path} with {answer.status}: {body[:100]}")
        # Apache's is of mod_unique_id: of the time, the worker and the request.
        self.asker.met(self, worker if worker.isdigit() else worker[6:18])
        return body

    def once(self):
        connection = self.connect()
        try:
            self.ask(connection, self.asker.rng.choice(self.paths), close=True)
        finally:
            connection.close()

    def again(self):
        """On the kept connection; as every client has to, once more where it is closed."""
        before, self.kept = self.kept, None
        path = self.asker.rng.choice(self.paths)
        try:
            connection = before or self.connect()
            self.ask(connection, path, close=False)
        except GONE:
            connection.close()
            if not before:
                raise
            connection = self.connect()
            self.ask(connection, path, close=False)
        if self.asker.rng.random() < 0.2:
            connection.close()
        else:
            self.kept = connection

    def leave(self, how):
        """What is asked for in the middle of which the client goes."""
        if how == "connected":
            connection = self.connect()
            connection.connect()
            return connection.sock
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
        peer.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n" % self.big)
        if how == "half":
            return peer
        peer.sendall(b"\r\n")
        if how == "unread":
            peer.recv(100000)
        return peer

    def hold(self):
        connection = self.connect()
        self.asker.held.append((self, connection))
        self.asker.spared.add(int(self.ask(connection, "/cgi/parent", close=False)))

    def close(self, connection):
        connection.close()

    def rest(self):
        if self.kept:
            self.close(self.kept)
        self.kept = None

    def victims(self):
        return self.asker.children(self.parent)


class Fork:
    """The server above."""

    def __init__(self, asker, name, port, parent):
        self.asker, self.name, self.port, self.parent = asker, name, port, parent
        self.kept = None

    def connect(self, way):
        self.asker.connections += 1
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
        peer.sendall(way + b"\n")
        file = peer.makefile("rb")
        worker = file.readline()
        if not worker:
            raise ConnectionResetError
        if not worker.strip().isdigit():
            wrong(f"fork begins with {worker[:100]}")
        self.asker.met(self, worker)
        return peer, file, int(worker)

    def ask(self, connection):
        peer, file, _ = connection
        text = b"%d " % self.asker.rng.randrange(1 << 60) * self.asker.rng.choice((1, 1000)) + b"\n"
        peer.sendall(text)
        self.asker.maybe_shoot(self)
        back = file.readline()
        if back and not text.startswith(back):
            wrong(f"fork brings back {back[:100]} for {text[:100]}")
        if back != text:
            raise ConnectionResetError

    def close(self, connection):
        connection[1].close()
        connection[0].close()

    def once(self):
        connection = self.connect(self.asker.rng.choice((b"echo", b"exit", b"cat")))
        try:
            self.ask(connection)
        finally:
            self.close(connection)

    def again(self):
        connection = self.kept or self.connect(self.asker.rng.choice((b"echo", b"exit", b"cat")))
        self.kept = None
        try:
            self.ask(connection)
        except GONE:
            self.close(connection)
            raise
        if self.asker.rng.random() < 0.2:
            self.close(connection)
        else:
            self.kept = connection

    def leave(self, how):
        if how == "connected":
            return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
        connection = self.connect(self.asker.rng.choice((b"echo", b"cat")))
        if how != "half":
            connection[0].setblocking(False)
            try:
                connection[0].send(bytes(1000000))
            except BlockingIOError:
                pass
        return connection

    def hold(self):
        connection = self.connect(b"echo")
        self.asker.held.append((self, connection))
        self.asker.spared.add(connection[2])

    def rest(self):
        if self.kept:
            self.close(self.kept)
        self.kept = None

    def victims(self):
        pids = self.asker.children(self.parent)
        return pids + [pid for pid in of_run(self.asker.rundir) if is_carrier(pid)]


class Asker:
    def __init__(self, seed, rundir, ports):
        self.rng, self.rundir = random.Random(seed), rundir
        self.connections = self.workers = self.killed = self.left = self.broken = 0
        self.recent, self.spared, self.held, self.leaving = [], set(), [], []
        self.by_server, self.shoots = {}, False
        apache, apache_pid, gunicorn, gunicorn_pid, fork, fork_pid = ports
        self.servers = [
            Web(self, "apache", apache, apache_pid, ("/word", "/word", "/cgi/parent"), b"/big"),
            Web(self, "gunicorn", gunicorn, gunicorn_pid, ("/?word",), b"/big"),
            Fork(self, "fork", fork, fork_pid)]

    def children(self, parent):
        found = []
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            if pid not in self.spared and state(pid)[1] == str(parent):
                found.append(pid)
        return found

    def met(self, server, worker):
        """A worker has another name than those of late."""
        key = server.name, worker
        if key in self.recent:
            self.recent.remove(key)
        else:
            self.workers += 1
            self.by_server[server.name] = self.by_server.get(server.name, 0) + 1
        self.recent = [key] + self.recent[:200]

    def maybe_shoot(self, server):
        """A worker, perhaps the one that is being asked."""
        if not self.shoots or self.rng.random() > 0.1:
            return
        time.sleep(self.rng.choice((0, self.rng.uniform(0, 0.003))))  # the moment itself
        victims = server.victims()
        if not victims:
            return
        try:
            os.kill(self.rng.choice(victims), signal.SIGKILL)
            self.killed += 1
        except ProcessLookupError:
            pass

    def leave(self, server):
        """A child goes away in the middle, in one of the ways there are."""
        how = self.rng.choice(("connected", "half", "early", "unread"))
        end = self.rng.choice(("killed", "exit", "reset"))
        self.left += 1
        self.connections += 1
        pid = os.fork()
        if pid:
            self.leaving.append((pid, f"{server.name}, {how}, {end}"))
            return
        try:
            peer = server.leave(how)
            if end == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if end == "reset" and isinstance(peer, socket.socket):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except TimeoutError:
            os._exit(1)
        except GONE:
            pass
        os._exit(0)

    def exchange(self):
        server = self.rng.choice(self.servers)
        what = self.rng.choice((server.once, server.again, server.again, None))
        if not what:
            self.leave(server)
            return
        try:
            what()
        except TimeoutError:
            wrong(f"{server.name} hangs")
        except GONE:
            self.broken += 1

    def rest(self):
        for server in self.servers:
            server.rest()
        self.reap(0)

    def end(self):
        self.rest()
        for server, connection in self.held:
            server.close(connection)

    def reap(self, most):
        while len(self.leaving) > most:
            pid, what = self.leaving.pop(0)
            status = os.waitpid(pid, 0)[1]
            if status and not os.WIFSIGNALED(status):
                wrong(f"who wanted to leave hangs: {what}")

    def obey(self, order, count=0):
        if order == "hold":
            for server in (self.servers[0], self.servers[2]):
                for _ in range(count):
                    server.hold()
        elif order == "ask":
            self.shoots = True
            for _ in range(count):
                self.exchange()
                self.reap(1)
        elif order == "rest":
            self.rest()
        else:
            self.end()


def ask(seed, rundir, *ports):
    asker = Asker(int(seed), rundir, [int(port) for port in ports])
    while line := sys.stdin.readline():
        order, *count = line.split()
        asker.obey(order, *map(int, count))
        print(order, asker.workers, *(asker.by_server.get(server.name, 0)
                                      for server in asker.servers),
              asker.connections, asker.left, asker.killed, asker.broken, flush=True)
        if order == "end":
            break


# ---- who looks on --------------------------------------------------------------------------


def mappings(pid):
    """(the addresses, the file, the kilobytes of it that the process has)."""
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            if match := re.match(r"([0-9a-f]+-[0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line):
                where, rights, file = match.groups()
            elif line.startswith("Rss:"):
                yield where, rights, file, int(line.split()[1])


def is_chunk(where, rights, file):
    """Of the arena.  Apache has shared memory of its own, but not so much of it."""
    first, end = (int(word, 16) for word in where.split("-"))
    return file.startswith("/dev/zero") and rights == "rw-s" and end - first > 32 << 19


def pages_of(pid, where, resident):
    """All that a stretch has, whoever touched it; who may not ask that sees the process's own."""
    try:
        return os.stat(f"/proc/{pid}/map_files/{where}").st_blocks // 2
    except OSError:
        return resident


def taken(pid, where):
    """Slots that are in use: the word at the chunk's begin (shim/base/arena.c)."""
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as f:
            f.seek(int(where.partition("-")[0], 16))
            return bin(struct.unpack("=I", f.read(4))[0]).count("1")
    except OSError:
        return 0


def look_at(name, pid):
    chunks = slots = arena = registry = memory = 0
    for where, rights, file, resident in mappings(pid):
        if is_chunk(where, rights, file):
            chunks += 1
            arena += pages_of(pid, where, resident)
            slots += taken(pid, where)
        elif file.endswith((".sleeve", ".sleeve (deleted)")):
            registry += resident
        else:
            memory += resident
    held = dict(descriptors=len(os.listdir(f"/proc/{pid}/fd")), chunks=chunks, slots=slots,
                arena=arena, registry=registry, memory=memory)
    for what, number in held.items():
        print(name, what, number)


def look_at_files(rundir):
    """Those of the dead are swept, unless something was refused of late; an empty one, whose maker
    was killed, may be one that is being made."""
    living = refused = dead = size = 0
    for name in os.listdir(rundir):
        try:
            f = open(os.path.join(rundir, name), "rb")
        except FileNotFoundError:
            continue
        with f:
            is_now, head = os.fstat(f.fileno()), f.read(1024)
            size = max(size, is_now.st_blocks // 2)
            try:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                living += 1
                continue
            last = struct.unpack_from("=q", head, 56)[0] / 1e9 if head else is_now.st_ctime
            if time.time() - last < KEEP + 60:
                refused += 1
            else:
                dead += 1
    for what, number in dict(living=living, refused=refused, dead=dead, largest=size).items():
        print("files", what, number)


def look(rundir, *words):
    found = list(of_run(rundir))
    print("processes all", len(found))
    print("processes carriers", sum(map(is_carrier, found)))
    look_at_files(rundir)
    for name, pid in zip(words[::2], words[1::2]):
        look_at(name, int(pid))


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    {"ask": ask, "look": look}[sys.argv[1]](*sys.argv[2:])
