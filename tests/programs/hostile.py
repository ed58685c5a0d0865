# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS peer whose records are its own, and the program it has to do with.

The handshake is OpenSSL's; from its key log the traffic keys are derived, and from then on every
record is made here: any type, any length, any order (RFC 8446 section 5, RFC 5246 section 6.2.3).
"""
import ctypes
import ctypes.util
import fcntl
import hashlib
import hmac
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLOSE, CANCELED = b"\x01\x00", b"\x01\x5a"

_crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for _name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm", "EVP_aes_256_gcm"):
    getattr(_crypto, _name).restype = ctypes.c_void_p


def gcm(key, nonce, text, extra, seal):
    """AES-GCM: ciphertext and tag from plaintext, or back; None where the tag is wrong."""
    cipher = _crypto.EVP_aes_128_gcm() if len(key) == 16 else _crypto.EVP_aes_256_gcm()
    context = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
    size, out = ctypes.c_int(), ctypes.create_string_buffer(len(text) + 16)
    tag = ctypes.create_string_buffer(16)
    if not seal:
        text, tag = text[:-16], ctypes.create_string_buffer(text[-16:], 16)
    try:
        _crypto.EVP_CipherInit_ex(context, ctypes.c_void_p(cipher), None, key, nonce, int(seal))
        _crypto.EVP_CipherUpdate(context, None, ctypes.byref(size), extra, len(extra))
        _crypto.EVP_CipherUpdate(context, out, ctypes.byref(size), text, len(text))
        done = size.value
        if not seal:
            _crypto.EVP_CIPHER_CTX_ctrl(context, 0x11, 16, tag)
        if _crypto.EVP_CipherFinal_ex(context, None, ctypes.byref(size)) <= 0:
            return None
        if seal:
            _crypto.EVP_CIPHER_CTX_ctrl(context, 0x10, 16, tag)
        return out.raw[:done] + (tag.raw if seal else b"")
    finally:
        _crypto.EVP_CIPHER_CTX_free(context)


def expand(name, secret, label, size, context=b""):
    """HKDF-Expand-Label, RFC 8446 section 7.1; all that is wanted fits one block."""
    label = b"tls13 " + label
    info = struct.pack("!HB", size, len(label)) + label + bytes([len(context)]) + context
    return hmac.new(secret, info + b"\x01", name).digest()[:size]


def prf(name, secret, seed, size):
    out, a = b"", seed
    while len(out) < size:
        a = hmac.new(secret, a, name).digest()
        out += hmac.new(secret, a + seed, name).digest()
    return out[:size]


class Direction:
    """One way of a connection: key, sequence number, and for TLS 1.3 the secret behind them."""

    def __init__(self, hash_name, key_size, secret=None, key=None, salt=None):
        self.hash, self.size, self.secret, self.modern = hash_name, key_size, secret, bool(secret)
        if self.modern:
            self.derive()
        else:
            self.key, self.iv, self.sequence = key, salt, 1  # after Finished

    def derive(self):
        self.key = expand(self.hash, self.secret, b"key", self.size)
        self.iv = expand(self.hash, self.secret, b"iv", 12)
        self.sequence = 0

    def update(self):
        length = hashlib.new(self.hash).digest_size
        self.secret = expand(self.hash, self.secret, b"traffic upd", length)
        self.derive()

    def nonce(self):
        number = self.sequence
        self.sequence += 1
        return bytes(a ^ b for a, b in zip(self.iv, number.to_bytes(12, "big")))

    def seal(self, kind, text, pad=0):
        if self.modern:
            inner = text + bytes([kind]) + bytes(pad)
            header = struct.pack("!BHH", DATA, 0x303, len(inner) + 16)
            return header + gcm(self.key, self.nonce(), inner, header, True)
        explicit = self.sequence.to_bytes(8, "big")
        extra = explicit + struct.pack("!BHH", kind, 0x303, len(text))
        self.sequence += 1
        body = explicit + gcm(self.key, self.iv + explicit, text, extra, True)
        return struct.pack("!BHH", kind, 0x303, len(body)) + body

    def open(self, kind, header, body):
        if self.modern:
            inner = gcm(self.key, self.nonce(), body, header, False)
            assert inner is not None, "a record of the sleeved side does not decrypt"
            inner = inner.rstrip(b"\0")
            return inner[-1], inner[:-1]
        extra = self.sequence.to_bytes(8, "big") + struct.pack("!BHH", kind, 0x303, len(body) - 24)
        self.sequence += 1
        text = gcm(self.key, self.iv + body[:8], body[8:], extra, False)
        assert text is not None, "a record of the sleeved side does not decrypt"
        return kind, text


class Peer:
    """The other end of a sleeved connection: the handshake by OpenSSL, the records by hand."""

    def __init__(self, sock, pki, name, serving, legacy=False):
        self.sock, self.serving, self.legacy = sock, serving, legacy
        self.inbox, self.sent = b"", b""
        sock.settimeout(20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if serving else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(f"{pki}/ca.crt")
        if name:
            context.load_cert_chain(f"{pki}/{name}.crt", f"{pki}/{name}.key")
        version = ssl.TLSVersion.TLSv1_2 if legacy else ssl.TLSVersion.TLSv1_3
        context.minimum_version = context.maximum_version = version
        if legacy:
            context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        if serving:
            context.num_tickets = 0
        with tempfile.NamedTemporaryFile("r") as log:
            context.keylog_filename = log.name
            hellos = self.handshake(context)
            self.keys(log.read(), hellos)

    def take(self, size):
        while len(self.inbox) < size:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.inbox += data
        data, self.inbox = self.inbox[:size], self.inbox[size:]
        return data

    def raw_record(self):
        header = self.take(5)
        return header, self.take(struct.unpack("!H", header[3:])[0])

    def handshake(self, context):
        into, out, hellos = ssl.MemoryBIO(), ssl.MemoryBIO(), b""
        engine = context.wrap_bio(into, out, server_side=self.serving)
        while True:
            try:
                engine.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            finally:
                flight = out.read()
                hellos += flight
                self.sock.sendall(flight)
            if done:
                self.cipher = engine.cipher()[0]
                return hellos
            header, body = self.raw_record()
            hellos += header + body
            into.write(header + body)

    def keys(self, log, hellos):
        secrets = {}
        for line in log.splitlines():
            if line and line[0] != "#":
                label, random, secret = line.split()
                secrets[label] = bytes.fromhex(secret)
                client_random = bytes.fromhex(random)
        big = "AES_256" in self.cipher
        hash_name, size = ("sha384", 32) if big else ("sha256", 16)
        if self.legacy:
            hash_name, size = "sha256", 16
            at = 0
            while not (hellos[at] == HANDSHAKE and hellos[at + 5] == 2):
                at += 5 + struct.unpack("!H", hellos[at + 3:at + 5])[0]
            server_random = hellos[at + 11:at + 43]
            block = prf(hash_name, secrets["CLIENT_RANDOM"],
                        b"key expansion" + server_random + client_random, 2 * size + 8)
            ways = [Direction(hash_name, size, key=block[i * size:(i + 1) * size],
                              salt=block[2 * size + 4 * i:2 * size + 4 * i + 4]) for i in (0, 1)]
        else:
            ways = [Direction(hash_name, size, secret=secrets[f"{who}_TRAFFIC_SECRET_0"])
                    for who in ("CLIENT", "SERVER")]
        self.out, self.back = ways[::-1] if self.serving else ways

    def raw(self, data):
        self.sock.sendall(data)

    def send(self, kind, text, pad=0):
        self.raw(self.out.seal(kind, text, pad))

    def sealed(self, text, counted=True, pad=0):
        """A record of data that the program has to see; not, if it may."""
        self.sent += text if counted else b""
        return self.out.seal(DATA, text, pad)

    def data(self, text, pad=0):
        self.raw(self.sealed(text, True, pad))

    def stubborn(self, action, times):
        """Until the other side does not take it any more."""
        try:
            for _ in range(times):
                action()
        except ConnectionError:
            pass

    def update_record(self, requested):
        record = self.out.seal(HANDSHAKE, b"\x18\0\0\x01" + bytes([requested]))
        self.out.update()
        return record

    def update(self, requested):
        self.raw(self.update_record(requested))

    def record(self):
        """The next record of the other side; follows its KeyUpdates."""
        header, body = self.raw_record()
        kind, text = self.back.open(header[0], header, body)
        if kind == HANDSHAKE and text[:1] == b"\x18":
            self.back.update()
        return kind, text

    def rest(self):
        """All records to the end, and how it came: (records, "fin" or "reset")."""
        records = []
        try:
            while True:
                records.append(self.record())
        except EOFError:
            return records, "fin"
        except ConnectionError:
            return records, "reset"

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def wait_for_delivery(self):
        """Until the other kernel has it all (tcp(7), SIOCOUTQ): a reset would overtake the rest."""
        left = 1
        while left:
            left, = struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Victim:
    """hostile-host.py as a sleeved program, and what is known of it."""

    def __init__(self, command, kind, side, port, version, pki, tool):
        self.serving, self.legacy = side == "call", version == "1.2"
        self.label, self.reasons = f"{kind} {side} {version}", {}
        self.port, self.pki, self.tool = port, pki, tool
        self.listener = socket.create_server(("127.0.0.1", port)) if self.serving else None
        host = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile-host.py")
        self.process = subprocess.Popen([*command, sys.executable, host, kind, side, str(port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.line() == ["ready"]

    def line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        return self.process.stdout.readline().split() if ready else ["nothing"]

    def connect(self):
        if not self.serving:
            return socket.create_connection(("127.0.0.1", self.port))
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.listener.accept()[0]

    def peer(self, begin):
        """After the handshake and the first words: `begin` says what the program is to do."""
        name = "server" if self.serving else "client"
        peer = Peer(self.connect(), self.pki, name, self.serving, self.legacy)
        peer.number = (peer.sock.getpeername() if self.serving else peer.sock.getsockname())[1]
        if self.serving:
            assert peer.record() == (DATA, b"hello")
        peer.data(begin.encode())
        return peer

    def judge(self, name, peer, outcome, some=False):
        """The program has seen what was sent before it went wrong, and that end."""
        said = self.line()
        wanted = [str(len(peer.sent)), hashlib.sha256(peer.sent).hexdigest()[:16], outcome[0]]
        peer.sock.close()
        self.reasons[peer.number] = name, outcome[1]
        if (said[2:] if some else said) != (wanted[2:] if some else wanted):
            self.complain(f"{name}: the program saw {' '.join(said)}, not {' '.join(wanted)}")

    def judge_reasons(self):
        """`sleeve` says why each connection ended."""
        output = subprocess.run([self.tool, "sessions", "--json", "--all"], check=True,
                                stdout=subprocess.PIPE).stdout
        end = "local" if self.serving else "remote"
        told = {int(s[end].rpartition(":")[2]): s["reason"] for s in json.loads(output)}
        for number, (name, reason) in self.reasons.items():
            if told.get(number) != reason:
                self.complain(f"{name}: the reason is {told.get(number)}, not {reason}")

    def complain(self, what):
        print(f"{self.label}, {what}", flush=True)
        self.end()
        sys.exit(1)

    def end(self):
        self.process.kill()
        self.process.wait()
