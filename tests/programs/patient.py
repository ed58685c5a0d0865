# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that shows what its program sees of a broken connection.

patient.py HOST PORT COUNT [first]
Sends COUNT bytes to an echo, then waits for a line on standard input before it reads anything;
with "first", after one byte has gone there and back.
Prints "sent", then how many bytes came back the same, then how the stream ended: "end" or the
name of the errno.
"""
import errno
import os
import socket
import sys

data = os.urandom(int(sys.argv[3]))
got = b""
try:
    peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
except OSError as trouble:
    sys.exit(f"connect: {trouble}")
try:
    if len(sys.argv) > 4:
        peer.sendall(b"?")
        assert peer.recv(1) == b"?"
    peer.sendall(data)
    print("sent", flush=True)
    sys.stdin.readline()
    how = "end"
    while more := peer.recv(5000):
        got += more
except OSError as trouble:
    how = errno.errorcode[trouble.errno]
print(f"{len(got)} bytes, {'same' if data.startswith(got) else 'CHANGED'}, {how}", flush=True)
try:
    peer.sendall(b"after the end")
    peer.sendall(b"after the end")
    print("can still write", flush=True)
except OSError as trouble:
    print("write:", errno.errorcode[trouble.errno], flush=True)
