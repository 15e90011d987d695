# SPDX-License-Identifier: Apache-2.0
"""What the tests of serial-over-tcp share: ports, peers, streams that check themselves."""

import hashlib
import json
import os
import random
import select
import socket
import subprocess
import threading
import time

import harness
import serial


def stream(size, seed):
    """Bytes that are the same for the same seed."""
    return random.Random(seed).randbytes(size)


class Stream(threading.Thread):
    """Sends `data` through `write` in pieces and gathers what `read` gives, at the same time; finish() compares."""

    def __init__(self, name, data, write, read, piece=4096, pause=0.0):
        super().__init__(daemon=True)
        self.label, self.data, self.write, self.read = name, data, write, read
        self.piece, self.pause = piece, pause
        self.got = bytearray()
        self.problem = None
        self.writer = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        try:
            for start in range(0, len(self.data), self.piece):
                self.write(self.data[start:start + self.piece])
                if self.pause:
                    time.sleep(self.pause)
        except OSError as error:
            self.problem = error

    def run(self):
        self.writer.start()
        try:
            while len(self.got) < len(self.data):
                piece = self.read()
                if not piece:
                    self.problem = self.problem or "the stream stopped"
                    break
                self.got += piece
        except OSError as error:
            self.problem = error
        self.writer.join(10)

    def finish(self, case, timeout=120):
        self.join(timeout * harness.PATIENCE)
        case.assertFalse(self.is_alive(), f"{self.label}: {len(self.got)} of {len(self.data)} bytes after {timeout} s")
        case.assertIsNone(self.problem, f"{self.label}: {self.problem} after {len(self.got)} of {len(self.data)} bytes")
        if hashlib.sha256(self.got).digest() != hashlib.sha256(self.data).digest():
            first = next((i for i, (a, b) in enumerate(zip(self.got, self.data)) if a != b), len(self.data))
            case.fail(f"{self.label}: {len(self.got)} bytes of {len(self.data)}, differs at {first}")


class Peer:
    """The far end of a port in connect mode: a listener that serves one connection, and can stop and come back."""

    def __init__(self, port=None):
        self.port = port or harness.free_port()
        self.listener = None
        self.connection = None
        self.start()

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(4)

    def accept(self, timeout=30):
        self.listener.settimeout(timeout * harness.PATIENCE)
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(timeout * harness.PATIENCE)
        return self.connection

    def stop(self):
        for end in (self.connection, self.listener):
            if end is not None:
                end.close()
        self.connection = self.listener = None


def reader(port):
    """A read function for Stream over a pyserial port: what is there, at least one byte."""
    def read():
        first = port.read(1)
        return first + port.read(port.in_waiting) if first else first
    return read


class SerialCase(harness.RealmCase):
    """A realm with serial ports; peers and open ports are closed at the end."""

    def serial(self, *arguments, **options):
        return self.tool("opendext-serial", *arguments, **options)

    def ports(self):
        return {port["name"]: port for port in json.loads(self.serial("ls", "--json"))}

    def port(self, name):
        return self.ports()[name]

    def peer(self):
        peer = Peer()
        self.addCleanup(peer.stop)
        return peer

    def add(self, name, peer):
        """Adds a port that is connected to `peer`; gives its device."""
        device = self.serial("add", name, "--connect", f"127.0.0.1:{peer.port}").strip()
        peer.accept()
        return device

    def open(self, device, **settings):
        settings.setdefault("timeout", 30 * harness.PATIENCE)
        port = serial.Serial(device, settings.pop("baudrate", 115200), **settings)
        self.addCleanup(port.close)
        return port

    def both_ways(self, port, connection, size, seed=1, **options):
        """Streams in both directions at the same time, started."""
        streams = [
            Stream("terminal to network", stream(size, seed), port.write, lambda: connection.recv(65536), **options),
            Stream("network to terminal", stream(size, seed + 1000), connection.sendall, reader(port), **options),
        ]
        for one in streams:
            one.start()
        return streams

    def agent_pids(self):
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                words = harness.command_line(int(name)).split()
                if words[1:] == ["--realm", self.realm.root, "agent"]:
                    found.append(int(name))
        return found


def socat(*arguments):
    return subprocess.Popen(["socat", *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def readable(descriptor, timeout):
    return bool(select.select([descriptor], [], [], timeout * harness.PATIENCE)[0])
