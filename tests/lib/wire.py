#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Two network namespaces, joined by a wire that takes its time and knows what answers what.
"""Two hosts on one machine, as far apart as wanted.

    wire = Wire(seconds)            both namespaces, 192.0.2.1 (near) and 192.0.2.2 (far)
    wire.start(NEAR, command, ...)  a process on one of them (subprocess.Popen's arguments)
    wire.hops(port)                 what has passed, a list of Hop a connection

Each namespace has a TUN device; the packets of one appear at the other after the delay.  (netem
would do the same where the kernel has it.)  A round trip is counted by cause, not by the clock: a
packet's depth is one more than that of the deepest packet that its sender had received by then.
So SYN is 0, SYN-ACK 1, the first bytes 2, and what waits for an acknowledgement lies two deeper
than what did not.  Needs root.
"""
import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import threading
import time
from collections import defaultdict, namedtuple

NEAR, FAR = 0, 1
ADDRESS = "192.0.2.1", "192.0.2.2"  # RFC 5737
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
libc = ctypes.CDLL(None, use_errno=True)

Hop = namedtuple("Hop", "sender depth size seconds")


def enter(namespace):
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Wire:
    def __init__(self, delay):
        self.delay = delay
        self.lock = threading.Lock()
        self.passed = defaultdict(list)  # near's port and far's -> [Hop]
        self.depth = defaultdict(lambda: [-1, -1])  # the deepest each has received
        self.devices, self.namespaces = [], []
        for side in NEAR, FAR:
            if libc.unshare(CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "unshare")
            self.namespaces.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
            self.devices.append(device)
            for words in "link set lo up", f"address add {ADDRESS[side]}/24 dev wire", \
                    "link set wire up":
                subprocess.run(["ip", *words.split()], check=True)
        threading.Thread(target=self._carry, daemon=True).start()

    def start(self, side, command, **options):
        return subprocess.Popen(command, preexec_fn=lambda: enter(self.namespaces[side]),
                                **options)

    def hops(self, port):
        with self.lock:
            return [hops for ports, hops in self.passed.items() if port in ports]

    def _carry(self):
        waiting, count = [], 0
        while True:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, side, key, depth, packet = heapq.heappop(waiting)
                with self.lock:
                    self.depth[key][1 - side] = max(self.depth[key][1 - side], depth)
                os.write(self.devices[1 - side], packet)
            limit = waiting[0][0] - now if waiting else None
            for device in select.select(self.devices, [], [], limit)[0]:
                packet = os.read(device, 65536)
                if packet[0] >> 4 != 4 or packet[9] != 6:
                    continue  # TCP over IPv4 alone
                side = self.devices.index(device)
                key, depth = self._note(side, packet)
                count += 1
                heapq.heappush(waiting, (time.monotonic() + self.delay, count, side, key, depth,
                                         packet))

    def _note(self, side, packet):
        header = (packet[0] & 15) * 4
        ports = struct.unpack_from("!HH", packet, header)
        key = ports if side == NEAR else ports[::-1]
        size = len(packet) - header - (packet[header + 12] >> 4) * 4
        with self.lock:
            depth = self.depth[key][side] + 1
            self.passed[key].append(Hop(side, depth, size, time.monotonic()))
        return key, depth
