# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer whose part of the TLS 1.3 handshake is its own: messages left out, repeated or forged.

hostile-handshake.py CLIENTS SIDE PORT PKI SLEEVE COMMAND...   CLIENTS is what the rule says of
them; the rest is as for hostile-records.py.

OpenSSL's last flight is decrypted with the handshake keys of its key log, changed, closed with the
Finished that belongs to it (RFC 8446 section 4.4.4), and encrypted again.
"""
import hashlib
import hmac
import ssl
import subprocess
import sys

from hostile import (ALERT, CANCELED, CLOSE, DATA, HANDSHAKE, Direction, Peer, Victim, expand)

CERTIFICATE, VERIFY, FINISHED = 11, 15, 20


def message(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def messages(flight):
    found = []
    while flight:
        size = 4 + int.from_bytes(flight[1:4], "big")
        found.append(flight[:size])
        flight = flight[size:]
    return found


def certificate(path, times=1):
    with open(path) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read()) if times else b""
    chain = (len(der).to_bytes(3, "big") + der + b"\0\0") * times
    return message(CERTIFICATE, b"\0" + len(chain).to_bytes(3, "big") + chain)


class Forger(Peer):
    """change(list of messages) gives the list to send; of a message it may also make (type, bytes),
    a record of another type, or a function of the transcript so far."""

    def __init__(self, sock, pki, name, serving, change):
        self.change, self.transcript, self.forged = change, b"", False
        super().__init__(sock, pki, name, serving)

    def handshake(self, context):
        into, out, self.log = ssl.MemoryBIO(), ssl.MemoryBIO(), context.keylog_filename
        engine = context.wrap_bio(into, out, server_side=self.serving)
        reader = None
        while True:
            try:
                engine.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.forge(out.read())
            if self.forged:
                self.cipher = engine.cipher()[0]
                return b""
            header, body = self.raw_record()
            if header[0] == HANDSHAKE:
                self.transcript += body
            elif header[0] == DATA:
                reader = reader or self.direction(not self.serving)
                self.transcript += reader.open(header[0], header, body)[1]
            into.write(header + body)

    def direction(self, server):
        label = "SERVER" if server else "CLIENT"
        with open(self.log) as log:
            secret = next(bytes.fromhex(line.split()[2]) for line in log
                          if line.startswith(label + "_HANDSHAKE"))
        self.hash, size = ("sha384", 32) if len(secret) == 48 else ("sha256", 16)
        return Direction(self.hash, size, secret=secret)

    def forge(self, flight):
        cooked, inner, reader = b"", b"", None
        while flight:
            size = 5 + int.from_bytes(flight[3:5], "big")
            record, flight = flight[:size], flight[size:]
            if record[0] == DATA:
                reader = reader or self.direction(self.serving)
                inner += reader.open(record[0], record[:5], record[5:])[1]
                continue
            cooked += record
            self.transcript += record[5:] if record[0] == HANDSHAKE else b""
        if inner:
            self.forged = True
            cooked += self.cook(self.change(messages(inner)[:-1]))
        self.raw(cooked)

    def cook(self, parts):
        writer, cooked = self.direction(self.serving), b""
        for part in parts + [self.finished]:
            if isinstance(part, tuple):
                cooked += writer.seal(*part)
                continue
            part = part(self) if callable(part) else part
            self.transcript += part
            for at in range(0, len(part), 16000):
                cooked += writer.seal(HANDSHAKE, part[at:at + 16000])
        return cooked

    def finished(self, _):
        secret = self.direction(self.serving).secret
        digest = hashlib.new(self.hash, self.transcript).digest()
        key = expand(self.hash, secret, b"finished", len(digest))
        return message(FINISHED, hmac.new(key, digest, self.hash).digest())

    def keys(self, log, hellos):
        """A server's own keys for data need its Finished, which is not OpenSSL's any more."""
        if "TRAFFIC_SECRET_0" in log and not self.serving:
            super().keys(log, hellos)


def signed_by(path):
    def make(peer):
        digest = hashlib.new(peer.hash, peer.transcript).digest()
        text = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + digest
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", path], input=text,
                                   stdout=subprocess.PIPE, check=True).stdout
        return message(VERIFY, b"\4\3" + len(signature).to_bytes(2, "big") + signature)
    return make


def without(parts, *kinds):
    return [part for part in parts if part[0] not in kinds]


def flipped(part):
    return part[:-1] + bytes([part[-1] ^ 1])


# What is sent instead of all messages but Finished, and the reason it is refused for.
FORGERIES = {
    "a wrong signature": (lambda m: [flipped(p) if p[0] == VERIFY else p for p in m], "bad_record"),
    "no signature": (lambda m: without(m, VERIFY), "bad_record"),
    "two signatures": (lambda m: m + m[-1:], "bad_record"),
    "neither certificate nor signature": (lambda m: without(m, CERTIFICATE, VERIFY), "bad_record"),
    "no certificate": (lambda m: without(m, CERTIFICATE, VERIFY) + [certificate("/dev/null", 0)],
                       "no_client_certificate"),
    "data before the end": (lambda m: m + [(DATA, b"early")], "bad_record"),
    "Finished twice": (lambda m: m[:-2] + [lambda p: p.finished(p)] + m[-2:], "bad_record"),
    "a goodbye": (lambda m: [(ALERT, CLOSE)] + m, "peer_closed"),
    "a message of 16 megabytes": (lambda m: [message(CERTIFICATE, bytes(300000))], "bad_record"),
}


def attempt(victim, label, name, change, reason):
    """The program gets nothing, not even a sign that somebody was there."""
    sock = victim.connect()
    number = (sock.getpeername() if victim.serving else sock.getsockname())[1]
    try:
        peer = Forger(sock, victim.pki, name, victim.serving, change)
        if not victim.serving:
            peer.data(b"r")
            if not reason:
                peer.send(ALERT, CLOSE)
                assert peer.rest() == ([(ALERT, CLOSE)], "fin")
    except ConnectionError:
        pass
    said = victim.line()
    sock.close()
    victim.reasons[number] = label, reason or "rule"
    wanted = ["1", "end"] if not reason else ["0", "ECONNRESET"]
    if [said[0], said[-1]] != wanted:
        victim.complain(f"{label}: the program saw {' '.join(said)}")


def main():
    clients, side, port, pki, tool = sys.argv[1:6]
    victim = Victim(sys.argv[6:], "blocking", side, int(port), "1.3", pki, tool)
    name = "server" if victim.serving else "client"
    if clients == "required":
        for label, (change, reason) in FORGERIES.items():
            attempt(victim, label, name, change, reason)
    if not victim.serving:
        attempt(victim, "as it should be", name, lambda m: m, None)
        attempt(victim, "a change of mind", name, lambda m: [(ALERT, CANCELED)] + m, None)
    if clients == "none":
        for who in ("impostor", "client"):
            crt, key = certificate(f"{pki}/{who}.crt"), signed_by(f"{pki}/{who}.key")
            attempt(victim, f"the certificate of {who}, unasked", None,
                    lambda m, c=crt, k=key: [c, k], "peer_bad_certificate")
            attempt(victim, f"the certificate of {who}, unasked and unsigned", None,
                    lambda m, c=crt: [c], "peer_bad_certificate")
    if clients == "optional":
        attempt(victim, "no certificate where none is needed", None, lambda m: m, None)
        attempt(victim, "a certificate without its signature", name,
                lambda m: without(m, VERIFY), "bad_record")
        attempt(victim, "an impostor", "impostor", lambda m: m, "peer_untrusted")
    victim.judge_reasons()
    victim.end()


main()
