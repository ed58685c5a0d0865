#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""nonces.py SIDE KIND PORT PKI COMMAND...: the peer of a sleeved program with several processes.

COMMAND runs this file once more, sleeved, as the program, which serves or calls (SIDE).  The peer
opens what comes, record by record, with the secret from OpenSSL's key log and the next sequence
number, from 0 on (RFC 8446 section 5.3).
"""
import collections
import os
import random
import signal
import socket
import subprocess
import sys
import threading

import hostile

WRITES, WRITERS, LONGEST, SO_DOMAIN = 500, 4, 20000, 39


def program(side, kind, port):
    if side == "serve":
        listener = socket.create_server(("127.0.0.1", port))
        print("ready", flush=True)
        s = listener.accept()[0]
    else:
        s = socket.create_connection(("127.0.0.1", port))
    if kind == "carrier":
        os.dup2(s.fileno(), 0)
        s.close()
        s = socket.socket(fileno=0)
        assert s.getsockopt(socket.SOL_SOCKET, SO_DOMAIN) == socket.AF_UNIX, "no carrier"
    # A pair of pipes: whose turn it is.
    turns = os.pipe(), os.pipe()
    os.write(turns[0][1], b"t")
    children = []
    for number in range(1, {"once": WRITERS, "carrier": WRITERS}.get(kind, 2)):
        children.append(os.fork())
        if not children[-1]:
            write(s, number, turns if kind == "turns" else None)
            os._exit(0)
    if kind == "ways":
        while s.recv(65536):
            pass
    else:
        write(s, 0, turns if kind == "turns" else None)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    s.shutdown(socket.SHUT_WR)
    # A close_notify that came after the close would be answered with a reset.
    while s.recv(65536):
        pass


def write(s, number, turns):
    """Each process writes a byte of its own."""
    signal.alarm(60)  # were the other one gone, its turn would never end
    size = random.Random(number)
    for _ in range(WRITES):
        if turns:
            os.read(turns[number][0], 1)
        s.sendall(bytes([number]) * size.choice((1, 100, size.randrange(1, LONGEST))))
        if turns:
            os.write(turns[1 - number][1], b"t")


def written(number):
    size = random.Random(number)
    return sum(size.choice((1, 100, size.randrange(1, LONGEST))) for _ in range(WRITES))


class Reader(hostile.Direction):
    """Says of a record that is not the next one which it is."""

    def open(self, kind, header, body):
        number = self.sequence
        try:
            return super().open(kind, header, body)
        except AssertionError:
            for self.sequence in range(number + 1000):
                if hostile.gcm(self.key, self.nonce(), body, header, False) is not None:
                    sys.exit(f"record {number} was sealed with the number {self.sequence - 1}")
            raise


def peer(side, kind, port, pki, command):
    listener = socket.create_server(("127.0.0.1", port)) if side == "call" else None
    with subprocess.Popen([*command, sys.executable, __file__, side, kind, str(port)],
                          stdout=subprocess.PIPE) as process:
        if listener:
            sock, name = listener.accept()[0], "server"
        else:
            process.stdout.readline()
            sock, name = socket.create_connection(("127.0.0.1", port)), "client"
        other = hostile.Peer(sock, pki, name, serving=side == "call")
        other.back.__class__ = Reader
        writing = threading.Thread(target=talk, args=[other, kind == "ways"])
        writing.start()
        records, end = other.rest()
        writing.join()
        sock.close()
    assert process.returncode == 0, f"the program ended with {process.returncode}"
    assert end == "fin" and records.pop() == (hostile.ALERT, hostile.CLOSE), "no goodbye"
    got = collections.Counter(b"".join(text for _, text in records))
    wanted = {"once": range(WRITERS), "carrier": range(WRITERS), "turns": (0, 1), "ways": (1,)}
    assert got == {n: written(n) for n in wanted[kind]}, "bytes are missing"
    # A carrier may put several writes into a record.
    assert len(records) >= (50 if kind == "carrier" else WRITES * len(wanted[kind])), "too few"


def talk(other, aloud):
    for _ in range(WRITES if aloud else 0):
        other.data(b"x" * 1000)
    other.send(hostile.ALERT, hostile.CLOSE)
    other.finish()


if len(sys.argv) == 4:
    program(*sys.argv[1:3], int(sys.argv[3]))
else:
    peer(*sys.argv[1:3], int(sys.argv[3]), sys.argv[4], sys.argv[5:])
