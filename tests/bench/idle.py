# SPDX-License-Identifier: GPL-3.0-or-later
# Many clients that say PING to redis once and then stay: idle.py PORT COUNT [CERT KEY CA]
"""Prints "ready" when every client has its answer, and leaves at the end of standard input."""
import socket
import ssl
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])
context = None
if len(sys.argv) > 3:
    context = ssl.create_default_context(cafile=sys.argv[5])
    context.load_cert_chain(sys.argv[3], sys.argv[4])
clients = []
for _ in range(count):
    client = socket.create_connection(("localhost", port))
    if context:
        client = context.wrap_socket(client, server_hostname="localhost")
    client.sendall(b"PING\r\n")
    answer = client.recv(100)
    if answer != b"+PONG\r\n":
        sys.exit(f"redis answered {answer!r}")
    clients.append(client)
print("ready", flush=True)
sys.stdin.read()
