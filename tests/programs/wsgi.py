# SPDX-License-Identifier: GPL-3.0-or-later
"""A WSGI application: a word, the checksum of what was sent, or many bytes in pieces."""
import hashlib
import os

GENERATION = os.environ.get("GENERATION", "first")


def application(environment, respond):
    path = environment["PATH_INFO"]
    if path == "/sum":
        digest = hashlib.sha256()
        while piece := environment["wsgi.input"].read(50000):
            digest.update(piece)
        body = [digest.hexdigest().encode()]
    elif path == "/big":
        body = (bytes([number % 251]) * 70000 for number in range(300))
    elif path == "/slow":
        body = slowly()
    else:
        body = [b"load-", environment["QUERY_STRING"].encode()]
    respond("200 OK", [("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))])
    return body


def slowly():
    """Two pieces; between them it waits for a line from the pipe."""
    yield b"begun\n"
    with open(os.environ["GO"], encoding="ascii") as pipe:
        yield pipe.readline().encode()
