# SPDX-License-Identifier: GPL-3.0-or-later
"""What a peer may do after the handshake, and what the program sees of it.

hostile-records.py KIND SIDE PORT VERSION PKI SLEEVE COMMAND...   COMMAND runs a sleeved Python;
KIND and SIDE are those of hostile-host.py, VERSION is 1.2 or 1.3, SLEEVE is the tool.
"""
import os
import socket
import sys

from hostile import (ALERT, CANCELED, CCS, CLOSE, DATA, HANDSHAKE, Victim)

REFUSED = ("ECONNRESET", "bad_record")
FINE = ("end", "rule")
TICKET = b"\0\0\x1c\x20abcd\x01\0\0\x20" + bytes(32) + b"\0\0"
TICKET = b"\x04" + len(TICKET).to_bytes(3, "big") + TICKET

cases = []


def case(outcome, begin="r", versions="1.2 1.3", sides="serve call"):
    """outcome: what the program sees, and the reason that `sleeve sessions` gives."""
    def add(function):
        cases.append((function, outcome, begin, versions.split(), sides.split()))
        return function
    return add


def goodbye(p):
    p.send(ALERT, CLOSE)
    records, end = p.rest()
    assert end == "fin", f"the connection ended by {end}"
    return records


def read_data(p, size):
    got = b""
    while len(got) < size:
        kind, text = p.record()
        assert kind == DATA
        got += text
    return got


# ---- what is allowed ---------------------------------------------------------------------------

@case(FINE, "e")
def data_both_ways(p):
    assert read_data(p, 1) == b"e"
    for size in (1, 16384, 100, 0, 300, 16383):
        text = os.urandom(size)
        p.data(text)
        assert read_data(p, size) == text
    assert goodbye(p) == [(ALERT, CLOSE)]


@case(FINE, "w")
def data_without_end_both_ways(p):
    for _ in range(200):
        p.data(bytes(16000))
    assert goodbye(p)[-1] == (ALERT, CLOSE)


@case(FINE)
def records_of_a_byte(p):
    p.raw(b"".join(p.sealed(bytes([i & 255])) for i in range(3000)))
    goodbye(p)


@case(FINE)
def a_byte_at_a_time(p):
    for byte in p.sealed(b"z" * 20) + p.sealed(b"y" * 300) + p.out.seal(ALERT, CLOSE):
        p.raw(bytes([byte]))
    assert p.rest() == ([(ALERT, CLOSE)], "fin")


@case(FINE)
def empty_records_among_others(p):
    for _ in range(100):
        p.data(b"")
        p.data(b"abc")
    goodbye(p)


@case(FINE, versions="1.3")
def nothing_but_padding(p):
    for _ in range(20):
        p.data(b"", 16384)
    p.data(b"q", 16383)
    goodbye(p)


@case(FINE, versions="1.3")
def key_updates(p):
    for i in range(300):
        p.update(i & 1)
        p.data(b"abc")
    answers = [text for kind, text in goodbye(p) if kind == HANDSHAKE]
    assert answers == [b"\x18\0\0\x01\0"] * 150, f"{len(answers)} answers"


@case(FINE, "s", versions="1.3")
def key_updates_after_our_goodbye(p):
    assert p.record() == (ALERT, CLOSE)
    for _ in range(5):
        p.update(1)
        p.data(b"abc")
    assert goodbye(p) == []


@case(FINE, versions="1.3", sides="call")
def tickets(p):
    for _ in range(20):
        p.send(HANDSHAKE, TICKET)
    p.data(b"abc")
    goodbye(p)


@case(FINE)
def warnings(p):
    for size in (4, 5000, 1):
        p.send(ALERT, CANCELED)
        p.data(bytes(size))
    assert goodbye(p) == [(ALERT, CLOSE)]


@case(FINE, versions="1.2", sides="call")
def a_request_to_renegotiate(p):
    p.send(HANDSHAKE, bytes(4))
    p.data(b"abc")
    assert goodbye(p) == [(ALERT, b"\x01\x64"), (ALERT, CLOSE)]  # no_renegotiation


@case(FINE, "a")
def a_goodbye_leaves_the_other_way_open(p):
    assert goodbye(p) == [(DATA, b"after"), (ALERT, CLOSE)]


@case(FINE)
def what_follows_a_goodbye_is_nothing(p):
    p.raw(p.out.seal(ALERT, CLOSE) + p.out.seal(DATA, b"no") + b"garbage")
    assert p.rest()[0] in ([(ALERT, CLOSE)], [])


# ---- what is not -------------------------------------------------------------------------------

@case(REFUSED, "w", versions="1.3")
def key_updates_without_end(p):
    p.stubborn(lambda: p.raw(b"".join(p.update_record(1) for _ in range(100))), 1000)


@case(("ECONNRESET", "no_memory"), "w", versions="1.3", sides="serve")
def answers_that_nobody_reads(p):
    p.stubborn(lambda: p.raw(b"".join(p.update_record(1) + p.sealed(b"x", False)
                                      for _ in range(500))), 100)
    return "some"


@case(REFUSED, versions="1.3", sides="call")
def tickets_without_end(p):
    p.stubborn(lambda: p.send(HANDSHAKE, TICKET), 2000)


@case(REFUSED)
def empty_records_without_end(p):
    p.stubborn(lambda: p.data(b""), 2000)


@case(REFUSED)
def warnings_without_end(p):
    p.stubborn(lambda: p.send(ALERT, CANCELED), 2000)


def forbidden(name, function, outcome=REFUSED, **where):
    function.__name__ = name
    case(outcome, **where)(function)


for what, message in (("certificate_request", b"\x0d\0\0\x0b\0\0\x08\0\x0d\0\4\0\2\4\3"),
                      ("client_hello", b"\1\0\0\x2b\3\3" + bytes(32) + b"\0\0\2\xc0\x2b\1\0\0\0"),
                      ("finished", b"\x14\0\0\x20" + bytes(32)),
                      ("certificate", b"\x0b\0\0\4" + bytes(4)),
                      ("message_of_16_megabytes", b"\4\xff\xff\xff" + bytes(16000)),
                      ("unknown_message", b"\x63\0\0\4" + bytes(4))):
    forbidden("another_" + what, lambda p, m=message: p.send(HANDSHAKE, m))

for what, record in (("alert", b"\x15\3\3\0\2\1\0"), ("data", b"\x17\3\3\0\5hello"),
                     ("change_cipher_spec", b"\x14\3\3\0\1\1"), ("type", b"\x18\3\3\0\3abc"),
                     ("nothing", b"\x17\3\3\0\0"), ("version", b"\x17\3\1\0\x20" + bytes(32)),
                     ("length", b"\x17\3\3\x41\1" + bytes(16641)),
                     ("http", b"HTTP/1.1 400 Bad Request\r\n")):
    forbidden("unencrypted_" + what, lambda p, r=record: p.raw(r))

forbidden("another_type", lambda p: p.send(99, b"abc"))
forbidden("another_change_cipher_spec", lambda p: p.send(CCS, b"\1"))
forbidden("an_alert_too_long", lambda p: p.send(ALERT, b"\1\0\0"))
forbidden("too_much", lambda p: p.send(DATA, bytes(16385)))
forbidden("too_much_padding", lambda p: p.send(DATA, b"a", 16384), versions="1.3")


@case(("ECONNRESET", "peer_alert"))
def a_fatal_alert_behind_data(p):
    p.raw(b"".join(p.sealed(os.urandom(16000)) for _ in range(20)) + p.out.seal(ALERT, b"\2\x50"))


@case(REFUSED)
def a_record_again(p):
    record = p.sealed(b"abc")
    p.raw(record + record)


@case(REFUSED)
def records_out_of_order(p):
    first, second = p.out.seal(DATA, b"abc"), p.out.seal(DATA, b"def")
    p.raw(second + first)


@case(REFUSED)
def a_record_missing(p):
    p.data(b"abc")
    p.out.seal(DATA, b"def")
    p.send(DATA, b"ghi")


@case(REFUSED)
def a_bit_flipped(p):
    before, record = p.sealed(b"before"), bytearray(p.out.seal(DATA, b"abc"))
    record[-3] ^= 4
    p.raw(before + bytes(record))


def cut(p, at):
    p.raw(p.sealed(b"abc") + p.out.seal(DATA, b"def")[:at])
    p.finish()


def cut_at_once(p, at):
    """What is there of a record and the end are one segment, and one edge."""
    assert read_data(p, 1) == b"e"
    p.sock.send(p.out.seal(DATA, b"def")[:at], socket.MSG_MORE)
    p.finish()


for where in (1, 5, 10):
    forbidden(f"no_more_after_{where}_bytes_at_once", lambda p, at=where: cut_at_once(p, at),
              ("ECONNRESET", "truncated"), begin="e")

for where in (0, 1, 5, 10):
    forbidden(f"no_more_after_{where}_bytes", lambda p, at=where: cut(p, at),
              ("ECONNRESET", "truncated"))


@case(("ECONNRESET", "reset"))
def a_reset(p):
    p.wait_for_delivery()
    p.reset()


def main():
    kind, side, port, version, pki, tool = sys.argv[1:7]
    victim = Victim(sys.argv[7:], kind, side, int(port), version, pki, tool)
    for function, outcome, begin, versions, sides in cases:
        if version in versions and side in sides:
            peer = victim.peer(begin)
            some = function(peer) == "some"
            victim.judge(function.__name__, peer, outcome, some)
    victim.judge_reasons()
    victim.end()


main()
