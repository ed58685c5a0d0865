# SPDX-License-Identifier: GPL-3.0-or-later
"""200 connections at once, each 1,000 values of random size: set, then fetched and compared.

redis-values.py HOST PORT.  Non-blocking sockets under epoll, pipelines of 50, no word of TLS.
"""
import hashlib
import os
import random
import selectors
import socket
import sys
import time

CONNECTIONS, VALUES, PIPELINE = 200, 1000, 50
SIZES = (0, 1, 2, 15, 64, 64, 64, 100, 100, 300, 1000, 1400, 4096, 16383, 16384, 16385)
pool = os.urandom(1 << 20)


def command(*words):
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


class Client:
    def __init__(self, number, address):
        self.number = number
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(address)
        self.out, self.got = memoryview(b""), bytearray()
        self.batches = 2 * VALUES // PIPELINE
        self.batch = -1
        self.wanted = 0
        self.expected = b""
        self.sent, self.seen = hashlib.sha256(), hashlib.sha256()

    def value(self, index):
        chance = random.Random(self.number * VALUES + index)
        size = chance.choice(SIZES) if chance.random() < 0.99 else chance.randrange(1 << 18)
        start = chance.randrange(len(pool) - size)
        return pool[start:start + size]

    def next_batch(self):
        """False when all is done."""
        self.batch += 1
        if self.batch == self.batches:
            return False
        half = self.batches // 2
        first = self.batch % half * PIPELINE
        ask, expect = [], []
        for index in range(first, first + PIPELINE):
            key, value = b"%d:%d" % (self.number, index), self.value(index)
            if self.batch < half:
                ask.append(command(b"SET", key, value))
                expect.append(b"+OK\r\n")
                self.sent.update(value)
            else:
                ask.append(command(b"GET", key))
                expect.append(b"$%d\r\n%s\r\n" % (len(value), value))
        self.out = memoryview(b"".join(ask))
        self.expected = b"".join(expect)
        self.got = bytearray()
        return True

    def write(self):
        while self.out:
            try:
                self.out = self.out[self.socket.send(self.out):]
            except BlockingIOError:
                return

    def read(self):
        """True when the whole answer to a batch is there and right."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return False
        if not data:
            sys.exit(f"connection {self.number} ended in batch {self.batch}")
        self.got += data
        if len(self.got) < len(self.expected):
            return False
        if self.got != self.expected:
            sys.exit(f"connection {self.number}: batch {self.batch} came back changed")
        if self.batch >= self.batches // 2:
            self.take_sum()
        return True

    def take_sum(self):
        at = 0
        while at < len(self.got):
            end = self.got.index(b"\r\n", at)
            size = int(self.got[at + 1:end])
            self.seen.update(self.got[end + 2:end + 2 + size])
            at = end + 4 + size


def main():
    address = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), socket.AF_INET,
                                 socket.SOCK_STREAM)[0][4]
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    selector = selectors.EpollSelector()
    clients = [Client(number, address) for number in range(CONNECTIONS)]
    for client in clients:
        client.next_batch()
        selector.register(client.socket, both, client)
    left, total, moved = CONNECTIONS, hashlib.sha256(), time.monotonic()
    while left:
        ready = selector.select(20)
        if not ready:
            sys.exit(f"nothing has moved for 20 s, {left} connections are not done")
        for key, events in ready:
            client = key.data
            done = events & selectors.EVENT_READ and client.read()
            if done and not client.next_batch():
                selector.unregister(client.socket)
                left -= 1
                continue
            if events & selectors.EVENT_WRITE or done:
                client.write()
            wanted = both if client.out else selectors.EVENT_READ
            if key.events != wanted:
                selector.modify(client.socket, wanted, client)
    for client in clients:
        if client.sent.digest() != client.seen.digest():
            sys.exit(f"connection {client.number}: checksums differ")
        total.update(client.seen.digest())
        client.socket.close()
    print("same", total.hexdigest())


main()
