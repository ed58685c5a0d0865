# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of one thread that waits by one call and then reads from blocking sockets.

blocking.py serve|connect poll|select|epoll PORT
As a server it echoes.  Prints "got ..." for what it reads, and "idle N" for the N-th time that
nothing happened for a while: one that is stuck in a read is never idle again.
"""
import select
import socket
import sys

role, how, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
open_ones = {}


def watch(one):
    open_ones[one.fileno()] = one
    if how != "select":
        waiter.register(one, select.POLLIN)


def readable():
    if how == "select":
        return select.select(list(open_ones), [], [], 0.05)[0]
    return [number for number, _ in waiter.poll(50 if how == "poll" else 0.05)]


def leave(number):
    if how != "select":
        waiter.unregister(number)
    open_ones.pop(number).close()


if how != "select":
    waiter = select.poll() if how == "poll" else select.epoll()
listener = None
if role == "serve":
    listener = socket.create_server(("127.0.0.1", port))
    watch(listener)
else:
    peer = socket.create_connection(("localhost", port))
    peer.sendall(b"hello\n")
    watch(peer)
idle = 0
while open_ones:
    ready = readable()
    if not ready:
        idle += 1
        print("idle", idle, flush=True)
    for number in ready:
        if listener and number == listener.fileno():
            watch(listener.accept()[0])
            continue
        data = open_ones[number].recv(4096)
        print("got", data.decode(), flush=True)
        if not data:
            leave(number)
        elif listener:
            open_ones[number].sendall(data)
