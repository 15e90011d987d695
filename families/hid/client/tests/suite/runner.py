# SPDX-License-Identifier: Apache-2.0
"""The runner in Python, over the module opendext.hid."""

import os
import sys
import time

from opendext import Error, hid
from opendext.errors import make_error

PATIENCE = 60 * float(os.environ.get("OPENDEXT_TEST_PATIENCE", "1"))
UNSUPPORTED = 0xE00002C7


def properties(words):
    def value(text):
        try:
            return int(text, 0)
        except ValueError:
            return text

    return {key: value(text) for key, text in (word.split("=", 1) for word in words)}


class Played:
    """A device that keeps what is set and gives it back."""

    def __init__(self, descriptor, wanted):
        self.silent, self.refuses, self.kept = False, 0, {}
        self.device = hid.SimulatedDevice(bytes.fromhex(descriptor), wanted, get_report=self.get, set_report=self.set)

    def get(self, request):
        if self.silent:
            return hid.LATER
        if self.refuses or (request.type, request.id) not in self.kept:
            raise make_error(self.refuses or UNSUPPORTED)
        return self.kept[request.type, request.id]

    def set(self, request):
        if self.silent:
            return hid.LATER
        if self.refuses:
            raise make_error(self.refuses)
        self.kept[request.type, request.id] = request.data
        return None


class Runner:
    def __init__(self):
        self.used, self.played = {}, {}

    def plug(self, name, descriptor, *words):
        self.played[name] = Played(descriptor, properties(words))
        return "ok"

    def unplug(self, name):
        self.played.pop(name).device.close()
        return "ok"

    def send(self, name, report):
        self.played[name].device.send_input(bytes.fromhex(report))
        return "ok"

    def users(self, name, count):
        end = time.monotonic() + PATIENCE
        while self.played[name].device.users != int(count) and time.monotonic() < end:
            time.sleep(0.001)
        return f"{self.played[name].device.users} users"

    def silent(self, name, on):
        self.played[name].silent = on != "0"
        return "ok"

    def refuse(self, name, code):
        self.played[name].refuses = int(code, 0)
        return "ok"

    def find(self, name, *words):
        found = hid.devices(properties(words))
        if len(found) != 1:
            return f"{len(found)} devices"
        self.used[name] = found[0]
        return "found"

    def open(self, name, seize=""):
        self.used[name].open(seize=bool(seize))
        return "ok"

    def close(self, name):
        self.used[name].close_device()
        return "ok"

    def drop(self, name):
        self.used.pop(name).close()
        return "ok"

    def read(self, name):
        report = self.used[name].read(PATIENCE)
        return f"input {report.id} {report.data.hex()}" if report else "nothing"

    def gone(self, name):
        return "gone" if self.used[name].wait_removed(PATIENCE) else "there"

    def set(self, name, type, id, report, within=None):
        self.used[name].set_report(hid.ReportType[type.upper()], bytes.fromhex(report), int(id), within and float(within))
        return "ok"

    def get(self, name, type, id, within=None):
        return "ok " + self.used[name].get_report(hid.ReportType[type.upper()], int(id), 512, within and float(within)).hex()

    def value(self, name, page, usage, number=None):
        found = self.used[name].elements({"UsagePage": int(page, 0), "Usage": int(usage, 0)})
        if not found:
            return "no element"
        if number is None:
            return f"ok {self.used[name].value(found[0])}"
        self.used[name].set_value(found[0], int(number, 0))
        return "ok"

    def property(self, name, key):
        value = self.used[name].get(key)
        return "nothing" if value is None else str(value)


def main():
    runner = Runner()
    for line in sys.stdin:
        step, *words = line.split()
        try:
            print(getattr(runner, step)(*words), flush=True)
        except Error as error:
            print(f"error {error.name} {error.reason}", flush=True)


if __name__ == "__main__":
    main()
