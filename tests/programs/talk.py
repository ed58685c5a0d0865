# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients for serve.py, without a word of TLS: talk.py KIND HOST PORT say TEXT | hold | bulk MIB.

say sends TEXT and prints it as it came back; hold does so and keeps the connection; bulk sends
random bytes while reading them back, half-closes, and compares checksums at the end.
"""
import asyncio
import hashlib
import http.client
import os
import selectors
import signal
import socket
import sys
import threading


def exactly(stream, size):
    got = stream.read(size)
    if len(got) != size:
        sys.exit(f"wanted {size} bytes, the connection ended after {len(got)}")
    return got


class OverHttp:
    def __init__(self, host, port):
        self.connection = http.client.HTTPConnection(host, port, timeout=25)

    def say(self, data):
        self.connection.request("POST", "/", data)
        return self.connection.getresponse().read()

    def bulk(self, blocks):
        for block in blocks:
            assert self.say(block) == block, "a body came back changed"


class OverSocket:
    """Blocking: one thread writes, another reads."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=None)
        self.stream = self.socket.makefile("rb")

    def say(self, data):
        self.socket.sendall(data)
        return exactly(self.stream, len(data))

    def bulk(self, blocks):
        sent, got = hashlib.sha256(), hashlib.sha256()

        def write():
            for block in blocks:
                sent.update(block)
                self.socket.sendall(block)
            self.socket.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=write)
        writer.start()
        while data := self.stream.read1(70000):
            got.update(data)
        writer.join()
        assert sent.digest() == got.digest(), "the bytes came back changed"


class OverSelector(OverSocket):
    """Non-blocking, with poll; the connection is begun non-blocking, too."""

    def __init__(self, host, port):
        address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(address)
        self.poll = selectors.PollSelector()
        self.poll.register(self.socket, selectors.EVENT_WRITE)
        self.poll.select()
        trouble = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if trouble:
            raise ConnectionError(os.strerror(trouble))

    def say(self, data):
        return self.exchange([data], len(data))

    def bulk(self, blocks):
        blocks = list(blocks)
        assert self.exchange(blocks, None) == b"".join(blocks), "the bytes came back changed"

    # What poll says is a hint for a socket that does not block (poll(2), select(2), BUGS).
    def send(self, data):
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0

    def receive(self):
        try:
            return self.socket.recv(70000)
        except BlockingIOError:
            return None

    def exchange(self, blocks, wanted):
        queue, got = b"".join(blocks), bytearray()
        view = memoryview(queue)
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        self.poll.modify(self.socket, both)
        while wanted is None or len(got) < wanted:
            for _, events in self.poll.select(25):
                if events & selectors.EVENT_WRITE and view:
                    view = view[self.send(view[:100000]):]
                    if not view:
                        self.poll.modify(self.socket, selectors.EVENT_READ)
                        if wanted is None:
                            self.socket.shutdown(socket.SHUT_WR)
                if events & selectors.EVENT_READ:
                    data = self.receive()
                    if data == b"":
                        return bytes(got)
                    got += data or b""
        return bytes(got)


class OverAsyncio:
    def __init__(self, host, port):
        self.loop = asyncio.new_event_loop()
        self.reader, self.writer = self.loop.run_until_complete(asyncio.open_connection(host, port))

    def say(self, data):
        self.writer.write(data)
        return self.loop.run_until_complete(self.reader.readexactly(len(data)))

    def bulk(self, blocks):
        self.loop.run_until_complete(self.both(list(blocks)))

    async def both(self, blocks):
        async def write():
            for block in blocks:
                self.writer.write(block)
                await self.writer.drain()
            self.writer.write_eof()

        _, got = await asyncio.gather(write(), self.reader.read(-1))
        assert got == b"".join(blocks), "the bytes came back changed"


def main():
    kind, host, port, what = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    over = {"http": OverHttp, "threading": OverSocket, "forking": OverSelector,
            "asyncio": OverAsyncio}[kind](host, port)
    if what == "bulk":
        over.bulk(os.urandom(1 << 20) for _ in range(int(sys.argv[5])))
        return
    print(over.say((sys.argv[5] if what == "say" else "held").encode()).decode(), flush=True)
    if what == "hold":
        signal.pause()


main()
