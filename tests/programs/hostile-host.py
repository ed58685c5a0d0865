# SPDX-License-Identifier: GPL-3.0-or-later
"""A program without a word of TLS, for peers that misbehave: hostile-host.py KIND SIDE PORT

KIND  blocking (a thread a connection) or edge (epoll, edge-triggered)
SIDE  serve, or call: then each line of standard input is a connection, which begins with "hello".
Either ends with its standard input.

The first byte that comes says what to do: r read, e echo, w write without end as well, s shut
writing down first, a write "after" once the peer has ended.  For each connection that has ended a
line: how many bytes came, the beginning of their SHA-256, and "end" or the name of the errno.
"""
import errno
import hashlib
import os
import select
import socket
import sys
import threading

CHUNK = b"w" * 16384


class Conversation:
    def __init__(self, sock):
        self.sock, self.mode, self.count, self.digest = sock, None, 0, hashlib.sha256()
        self.waiting = b""

    def take(self, data):
        self.mode = self.mode or chr(data[0])
        self.count += len(data)
        self.digest.update(data)
        if self.mode == "s":
            self.sock.shutdown(socket.SHUT_WR)
            self.mode = "r"

    def over(self, end):
        try:
            if end == "end" and self.mode == "a":
                self.sock.sendall(b"after")
        finally:
            self.sock.close()
            print(self.count, self.digest.hexdigest()[:16], end, flush=True)


def name(trouble):
    return errno.errorcode.get(trouble.errno, str(trouble))


def write_on(sock):
    try:
        while True:
            sock.sendall(CHUNK)
    except OSError:
        pass


def block(sock):
    talk, end, writer = Conversation(sock), "end", None
    try:
        while data := sock.recv(65536):
            talk.take(data)
            if talk.mode == "e":
                sock.sendall(data)
            elif talk.mode == "w" and not writer:
                writer = threading.Thread(target=write_on, args=(sock,))
                writer.start()
    except OSError as trouble:
        end = name(trouble)
    if writer:
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:  # it is over both ways
            pass
        writer.join()
    talk.over(end)


class Loop:
    def __init__(self):
        self.epoll, self.talks = select.epoll(), {}

    def add(self, sock):
        sock.setblocking(False)
        talk = self.talks[sock.fileno()] = Conversation(sock)
        self.epoll.register(sock, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        return talk

    def write(self, talk):
        while talk.mode == "w" or talk.waiting:
            talk.waiting = talk.waiting or CHUNK
            talk.waiting = talk.waiting[talk.sock.send(talk.waiting):]

    def read(self, talk):
        while data := talk.sock.recv(65536):
            talk.take(data)
            if talk.mode == "e":
                talk.waiting += data
        return "end"

    def event(self, talk):
        end = None
        for step in (self.read, self.write):
            try:
                end = end or step(talk)
            except BlockingIOError:
                pass
            except OSError as trouble:
                end = name(trouble)
        if end:
            self.epoll.unregister(talk.sock)
            del self.talks[talk.sock.fileno()]
            talk.over(end)

    def run(self, listener=None):
        if listener:
            self.epoll.register(listener, select.EPOLLIN)
        while listener or self.talks:
            for number, _ in self.epoll.poll():
                if number in self.talks:
                    self.event(self.talks[number])
                else:
                    self.add(listener.accept()[0])


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def serve(kind, port):
    threading.Thread(target=end_with_input, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    print("ready", flush=True)
    if kind == "edge":
        Loop().run(listener)
    while True:
        threading.Thread(target=block, args=(listener.accept()[0],), daemon=True).start()


def call(kind, port):
    family, kind_of, _, _, address = socket.getaddrinfo("localhost", port, socket.AF_INET,
                                                        socket.SOCK_STREAM)[0]
    print("ready", flush=True)
    for _ in sys.stdin:
        sock = socket.socket(family, kind_of)
        try:
            sock.connect(address)
            if kind == "edge":
                loop = Loop()
                loop.add(sock).waiting = b"hello"
                loop.run()
            else:
                sock.sendall(b"hello")
                block(sock)
        except OSError as trouble:
            print(0, "-", name(trouble), flush=True)


if __name__ == "__main__":
    (serve if sys.argv[2] == "serve" else call)(sys.argv[1], int(sys.argv[3]))
