# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that misbehave on purpose, never sleeved:

bad.py silent PORT COUNT          connects COUNT times, says nothing, prints "connected"; then
                                  prints "ended" when the other side has ended all of them
bad.py send PORT WHAT             sends WHAT (plaintext, garbage, half, hello-then-garbage, huge),
                                  prints how it ended: "closed" or "reset", then what came back
                                  in hex
bad.py relay LISTEN TARGET HOW    passes bytes on; prints "cut" and "flipped" when it does so.
                                  HOW: cut            ends both sides by FIN on SIGUSR1
                                       up N | down N  flips a bit of byte N of one direction
"""
import os
import selectors
import signal
import socket
import ssl
import sys
import threading
import time


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def client_hello():
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    engine = context.wrap_bio(into, out)
    try:
        engine.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def silent(port, count):
    peers = [connect(port) for _ in range(count)]
    print("connected", flush=True)
    selector = selectors.PollSelector()
    for peer in peers:
        selector.register(peer, selectors.EVENT_READ)
    while selector.get_map():
        for key, _ in selector.select():
            try:
                data = key.fileobj.recv(4096)
            except OSError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()
    print("ended", flush=True)


def send(port, what):
    hello = client_hello()
    words = {
        "plaintext": b"PING\r\n" * 3,
        "garbage": os.urandom(4096),
        "half": hello[:len(hello) // 2],
        "hello-then-garbage": hello + os.urandom(4096),
        "huge": b"\x16\x03\x01\xff\xff" + os.urandom(70000),
    }[what]
    peer, back, end = connect(port), b"", "closed"
    try:
        peer.sendall(words)
        if what == "half":
            peer.shutdown(socket.SHUT_WR)
        while data := peer.recv(4096):
            back += data
    except ConnectionError:
        end = "reset"
    print(end, back.hex())


class Relay:
    def __init__(self, listen, target, how, at):
        self.target, self.how, self.at = target, how, at
        self.pairs = []
        signal.signal(signal.SIGUSR1, self.cut)
        server = socket.create_server(("127.0.0.1", listen))
        while True:
            self.serve(server.accept()[0])

    def serve(self, peer):
        other = connect(self.target)
        peer.settimeout(None)
        other.settimeout(None)
        self.pairs.append((peer, other))
        threading.Thread(target=self.copy, args=(peer, other, "up"), daemon=True).start()
        threading.Thread(target=self.copy, args=(other, peer, "down"), daemon=True).start()

    def copy(self, source, sink, direction):
        passed = 0
        try:
            while data := bytearray(source.recv(65536)):
                at = self.at - passed
                if direction == self.how and 0 <= at < len(data):
                    data[at] ^= 0x10
                    print("flipped", flush=True)
                passed += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def cut(self, *_):
        for pair in self.pairs:
            for end in pair:
                end.shutdown(socket.SHUT_WR)
        print("cut", flush=True)


def main():
    what, port = sys.argv[1], int(sys.argv[2])
    if what == "silent":
        silent(port, int(sys.argv[3]))
    elif what == "send":
        send(port, sys.argv[3])
    else:
        Relay(port, int(sys.argv[3]), sys.argv[4], int(sys.argv[5]) if len(sys.argv) > 5 else -1)


main()
