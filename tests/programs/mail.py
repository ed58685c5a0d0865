# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail client, which knows nothing of TLS.

    python3 mail.py echo PORT USER TEXT       prints TEXT as it comes back
    python3 mail.py lmtp PORT USER FILE       delivers the file, as curl(1) cannot
    python3 mail.py talk PORT USER            one connection, many commands, IDLE among them; prints
                                              "idling", and ends when a message has come meanwhile
    python3 mail.py hold PORT USER            stays, idle, until it is killed
    python3 mail.py greet PORT                the same with SMTP, silent
    python3 mail.py many PORT COUNT           as many connections at once, each with its own mail
    python3 mail.py leave PORT USER           is killed with half of a large message read
    python3 mail.py load FILE PORT [SMTP]     IMAP, and mail by SMTP, without a break until FILE is
                                              gone; prints a dot a turn, a line for each failure;
                                              a login may be repeated, for Dovecot makes its own
                                              sockets anew at a reload
"""
import hashlib
import imaplib
import os
import random
import signal
import smtplib
import sys
import threading
import time

LARGE = 6 << 20


def body(size, seed):
    line = hashlib.sha512(seed.encode()).hexdigest()
    lines = (f"{number:08} {line}\r\n" for number in range(size // 139 + 1))
    return f"Subject: {seed}\r\n\r\n".encode() + "".join(lines).encode()


def login(port, user, host="localhost"):
    imap = imaplib.IMAP4(host, int(port), timeout=30)
    imap.login(user, "secret")
    return imap


def good(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def fetch(imap, number):
    return good(imap.fetch(str(number), "(BODY.PEEK[])"))[0][1]


def idle(imap):
    tag = imap._new_tag()
    imap.send(tag + b" IDLE\r\n")
    said = imap.readline()
    assert said.startswith(b"+ "), said
    return tag


def talk(port, user):
    imap = login(port, user)
    print("empty:", good(imap.select()))
    large = body(LARGE, user)
    for flags, message in (("", body(100, "small")), (r"\Flagged", large)):
        good(imap.append("INBOX", flags, None, message))
    for turn in range(3):
        print("noop:", good(imap.noop())[0] is not None, good(imap.check())[0] is not None)
        assert fetch(imap, 2) == large
        assert fetch(imap, 1) == body(100, "small")
    part = good(imap.fetch("2", "BODY.PEEK[]<1000000.70000>"))[0][1]
    assert part == large[1000000:1070000]
    good(imap.create("box"))
    good(imap.copy("1:2", "box"))
    print("flagged:", good(imap.search(None, "FLAGGED")))
    print("deleted:", good(imap.store("1", "+FLAGS", r"\Deleted")))
    print("expunged:", good(imap.expunge()), good(imap.select("box")), good(imap.select("INBOX")))
    assert fetch(imap, 1) == large
    tag = idle(imap)
    print("idling", flush=True)
    while b" 2 EXISTS" not in imap.readline():
        pass
    imap.send(b"DONE\r\n")
    while not (said := imap.readline()).startswith(tag):
        assert said, "the end"
    print("woken:", said.split(b" ")[1], fetch(imap, 2).splitlines()[-1])
    print("bye:", imap.logout())


def echo(port, user, text):
    imap = login(port, user)
    good(imap.select())
    good(imap.append("INBOX", "", None, f"Subject: a word\r\n\r\n{text}\r\n".encode()))
    good(imap.noop())
    print(fetch(imap, 1).decode().splitlines()[-1])
    imap.logout()


def hold(port, user):
    imap = login(port, user, "127.0.0.1")
    good(imap.select())
    idle(imap)
    print("held", flush=True)
    while said := imap.readline():
        print(said.decode().strip(), flush=True)


def greet(port):
    out = smtplib.SMTP("127.0.0.1", int(port), timeout=30)
    out.ehlo()
    print("held", flush=True)
    out.getreply()


def many(port, count):
    together = threading.Barrier(int(count), timeout=60)
    right = []

    def one(number):
        imap = login(port, f"many-{number}")
        good(imap.select())
        together.wait()
        mail = body(100000 + number, str(number))
        good(imap.append("INBOX", "", None, mail))
        together.wait()
        good(imap.noop())
        assert fetch(imap, 1) == mail
        together.wait()
        imap.logout()
        right.append(number)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("right:", len(right))


def leave(port, user):
    imap = login(port, user)
    good(imap.select())
    imap.send(b"x FETCH 1 (BODY.PEEK[])\r\n")
    assert len(imap.read(100000)) == 100000
    os.kill(os.getpid(), signal.SIGKILL)


def lmtp(port, user, file):
    with open(file, "rb") as words, smtplib.LMTP("localhost", int(port)) as out:
        out.sendmail("sender@localhost", [user + "@localhost"], words.read())


def load(file, port, smtp=None):
    failures = 0

    def work(name, turn):
        nonlocal failures
        state = {}
        while os.path.exists(file):
            try:
                turn(state)
                os.write(1, b".")
            except Exception as error:
                state, failures = {}, failures + 1
                os.write(1, f"\nFAILED {name}: {error!r}\n".encode())

    def patient(user):
        for tries in range(200):
            try:
                return login(port, user)
            except imaplib.IMAP4.error as refusal:
                error = refusal
            time.sleep(0.02)
        raise error

    def fresh(state):
        imap = patient("load-fresh")
        good(imap.select())
        imap.logout()

    def kept(state):
        if not state:
            state["imap"] = patient("load-kept")
        good(state["imap"].select())
        good(state["imap"].noop())

    def mail(state):
        state["number"] = state.get("number", 0) + 1
        with smtplib.SMTP("localhost", int(smtp), timeout=30) as out:
            out.sendmail("sender@localhost", ["load-mail@localhost"],
                         f"Subject: {state['number']}\r\n\r\nwords\r\n")
        with open(file + ".sent", "w") as sent:
            print(state["number"], file=sent)

    turns = [fresh, fresh, kept] + ([mail] if smtp else [])
    threads = [threading.Thread(target=work, args=(turn.__name__, turn)) for turn in turns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("failed" if failures else "\ndone")


globals()[sys.argv[1]](*sys.argv[2:])
