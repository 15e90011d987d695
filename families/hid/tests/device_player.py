#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A simulated HID device for tests: device_player.py DESCRIPTOR-HEX PROPERTIES-JSON [--stall]

Plugs the device in and says {"entry": …}. On standard input: {"send": HEX} is an input report, {"get": [TYPE, ID, HEX]} says
what a get of that report is answered with, {"status": [TYPE, ID, NUMBER]} answers every request for it with that IOReturn, {"break":
"nonsense" or "hang up"} breaks the links of all users. On standard output, one JSON object a line: {"set": [TYPE, ID, HEX]},
{"get": [TYPE, ID]}, {"sent": true}, {"broke": N}. With --stall requests are never answered. End of input unplugs the device."""

import contextlib
import json
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["OPENDEXT_PREFIX"], "lib", "python3", "dist-packages"))

import opendext  # pylint: disable=wrong-import-position
import opendext.hid  # pylint: disable=wrong-import-position
from opendext.errors import make_error  # pylint: disable=wrong-import-position

UNSUPPORTED = 0xE00002C7


class Player:
    def __init__(self, descriptor, properties, stall):
        self.stall = stall
        self.reports = {}
        self.statuses = {}
        self.lock = threading.Lock()
        self.device = opendext.hid.SimulatedDevice(descriptor, properties, get_report=self.get, set_report=self.set)
        self.say(entry=self.device.entry)

    def say(self, **what):
        with self.lock:
            print(json.dumps(what), flush=True)

    def get(self, request):
        which = (int(request.type), request.id)
        self.say(get=which)
        if self.stall:
            return opendext.hid.LATER
        if which in self.statuses or which not in self.reports:
            raise make_error(self.statuses.get(which, UNSUPPORTED))
        return self.reports[which]

    def set(self, request):
        which = (int(request.type), request.id)
        self.say(set=[*which, request.data.hex()])
        if self.stall:
            return opendext.hid.LATER
        if which in self.statuses:
            raise make_error(self.statuses[which])
        return None

    @staticmethod
    def links():
        """The links of users: packet sockets that opendextd made, in pairs."""
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                link = socket.socket(fileno=os.dup(int(name)))
                pid = struct.unpack("iII", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
                if link.type == socket.SOCK_SEQPACKET and not link.getpeername() and pid != os.getpid():
                    yield link
                else:
                    link.close()

    def break_links(self, how):
        count = 0
        for link in self.links():
            if how == "nonsense":
                link.send(b"nonsense")
            else:
                link.shutdown(socket.SHUT_RDWR)
            link.close()
            count += 1
        return count

    def run(self):
        for line in sys.stdin:
            order = json.loads(line)
            if "send" in order:
                self.device.send_input(bytes.fromhex(order["send"]))
                self.say(sent=True)
            if "break" in order:
                self.say(broke=self.break_links(order["break"]))
            if "get" in order:
                kind, number, report = order["get"]
                self.reports[kind, number] = bytes.fromhex(report)
            if "status" in order:
                kind, number, status = order["status"]
                self.statuses[kind, number] = status
        self.device.close()


if __name__ == "__main__":
    Player(bytes.fromhex(sys.argv[1]), json.loads(sys.argv[2]), "--stall" in sys.argv[3:]).run()
