# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests without a break, on kept connections and on new ones, until a file is gone.

    python3 load.py FILE THREADS WANT URL...   prints a dot an answer, and a line for each failure

Every second thread keeps its connection.  As every client of HTTP has to, it asks once more on a
new one where the server has closed it between two requests; nothing else is forgiven.  WANT is
what every body has to begin with, or its SHA-256.
"""
import hashlib
import http.client
import os
import sys
import threading
import urllib.parse

FILE, THREADS, WANT = sys.argv[1], int(sys.argv[2]), sys.argv[3]
URLS = [urllib.parse.urlsplit(url) for url in sys.argv[4:]]
GONE = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)
failures = 0


def ask(connection, path, keep):
    connection.request("GET", path, headers={} if keep else {"Connection": "close"})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, f"status {answer.status}"
    assert body.startswith(WANT.encode()) or hashlib.sha256(body).hexdigest() == WANT, \
        f"another body of {len(body)} bytes"
    return answer.will_close


def new(url):
    return http.client.HTTPConnection(url.hostname, url.port, timeout=20)


def work(keep):
    global failures
    kept, asked = None, 0
    while os.path.exists(FILE):
        url = URLS[asked % len(URLS)]
        path = url.path + ("?" + url.query if url.query else "")
        asked += 1
        try:
            connection = kept or new(url)
            try:
                done = ask(connection, path, keep)
            except GONE:
                connection.close()
                if not kept:
                    raise
                connection = new(url)
                done = ask(connection, path, keep)
            kept = connection if keep and not done else None
            if not kept:
                connection.close()
            os.write(1, b".")
        except Exception as error:
            kept, failures = None, failures + 1
            os.write(1, f"\nFAILED {url.geturl()} keep={keep}: {error!r}\n".encode())


threads = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\ndone" if failures == 0 else "\nwith failures", flush=True)
