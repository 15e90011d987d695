# SPDX-License-Identifier: Apache-2.0
"""What the tests of HID drivers share: simulated devices in a process of their own, and the trace of an event service."""

import json
import os
import queue
import subprocess
import sys
import threading

import harness

DEXTS = os.path.join(harness.PREFIX, "tests", "dexts")
FOLDER = os.path.dirname(os.path.abspath(__file__))

# Report descriptors of the tests: the items as bytes, a line for what belongs together.
KEYBOARD = bytes.fromhex(
    "05010906a101"                                  # Generic Desktop, Keyboard, application
    "050719e029e71500250175019508" "8102"           # eight modifiers, one bit each
    "75089501" "8101"                               # a reserved byte
    "05081901290575019505" "9102"                   # five lights
    "75039501" "9101"                               # padding
    "05071900296515002565" "75089506" "8100"        # six keys
    "c0")
MOUSE = bytes.fromhex(
    "05010902a101" "0901a100"                       # Mouse, Pointer
    "050919012903" "1500250175019503" "8102"        # three buttons
    "75059501" "8101"
    "050109300931" "1581257f75089502" "8106"        # X, Y: relative
    "0938" "9501" "8106"                            # wheel
    "050c0a3802" "8106"                             # pan
    "c0c0")
TABLET = bytes.fromhex(
    "05010902a101" "0901a100"                       # an absolute pointer, as virtual machines have them
    "050919012903" "1500250175019503" "8102"
    "75059501" "8101"
    "050109300931" "150026ff7f" "75109502" "8102"   # X, Y: 0 to 32767
    "c0c0")
_FINGER = ("0922a102"                               # a finger
           "0942" "1500250175019501" "8102"         # tip
           "7507" "8101"
           "0951" "25ff7508" "8102"                 # contact identifier
           "05010930" "26e803" "463a02" "55fe" "6511" "7510" "8102"  # X: 0 to 1000, 5.7 cm
           "0931" "8102" "050d" "c0")
TOUCH_SCREEN = bytes.fromhex("050d0904a101" + _FINGER.replace("25ff7508", "26ff007508") * 2
                             + "0954" "25027508" "8102" "c0")     # contact count
PEN = bytes.fromhex(
    "050d0902a101" "0920a100"                       # Pen, Stylus
    "0942094409450932093c" "1500250175019505" "8102"  # tip, barrel, eraser, in range, invert
    "75039501" "8101"
    "05010930" "26e8037510" "8102" "0931" "8102"    # X, Y: 0 to 1000
    "050d0930" "26ff00" "7508" "8102"               # pressure
    "c0c0")
GAMEPAD = bytes.fromhex(
    "05010905a101"
    "0509190129" "0c" "150025017501950c" "8102"     # twelve buttons
    "7504" "9501" "8101"
    "05010939" "15002507" "463b01" "6514" "75049501" "8142"  # hat switch with a null state
    "75049501" "8101"
    "6500" "4500" "0930093109320935" "150026ff00" "75089504" "8102"  # two sticks
    "c0")


def dext(name):
    return os.path.join(DEXTS, name + ".dext")


class Device:
    """A simulated device (device_player.py)."""

    def __init__(self, case, descriptor, properties, *options):
        self.case = case
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.join(FOLDER, "device_player.py"), descriptor.hex(), json.dumps(properties), *options],
            env=case.realm.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = queue.Queue()
        self.kept = []
        threading.Thread(target=self._listen, daemon=True).start()
        case.addCleanup(self.unplug)
        self.entry = self.expect("entry")

    def _listen(self):
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def expect(self, key):
        """The next thing of this kind that the device tells."""
        for kept in self.kept:
            if key in kept:
                self.kept.remove(kept)
                return kept[key]
        while True:
            try:
                said = self.said.get(timeout=60 * harness.PATIENCE)
            except queue.Empty:
                raise AssertionError(f"the device told of no {key}, but of {self.kept}") from None
            if key in said:
                return said[key]
            self.kept.append(said)

    def order(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def send(self, report):
        """An input report; it is on its way when this returns."""
        self.order(send=bytes(report).hex())
        self.case.assertTrue(self.expect("sent"))

    def unplug(self):
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=60 * harness.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()


class Trace:
    """What an event service does, as it happens (print_trace.cpp)."""

    def __init__(self, case, entry):
        self.process = subprocess.Popen([os.path.join(harness.PREFIX, "tests", "print_hid_trace"), str(entry)],
                                        env=case.realm.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.case = case
        self.records = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        case.addCleanup(self.close)
        case.assertEqual(self.next()["kind"], "open")

    def _listen(self):
        for line in self.process.stdout:
            self.records.put(json.loads(line))

    def next(self, kind=None):
        while True:
            record = self.records.get(timeout=60 * harness.PATIENCE)
            if kind in (None, record["kind"]):
                return record

    def events(self, *wanted):
        """The next events are these: the name, then the numbers that it has."""
        for event in wanted:
            record = self.next("event")
            found = (record["event"],) + tuple(value for key, value in record.items()
                                               if key not in ("kind", "time", "id", "event", "delivered"))
            self.case.assertEqual(found, event)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60 * harness.PATIENCE)
        self.process.stdout.close()


class HidCase(harness.RealmCase):
    def plug(self, descriptor, *options, **properties):
        properties.setdefault("Transport", "Virtual")
        return Device(self, descriptor, properties, *options)

    def trace(self, name):
        """The trace of a started event service: what it has told since its start."""
        # It is registered when its Start has succeeded, so its device is open: what is sent from now on reaches it.
        service = self.wait_for(lambda: [entry for entry in self.services("AppleUserHIDEventService")
                                         if entry["name"] == name and entry["registered"]], f"the event service {name}")[0]
        return Trace(self, service["id"])

    def messages(self, text):
        """Lines of the log that have this text."""
        return [str(line.get("message", "")) for line in self.realm.log() if text in str(line.get("message", ""))]

    def wait_for_message(self, text, count=1):
        return self.wait_for(lambda: len(self.messages(text)) >= count and self.messages(text), f"'{text}' in the log")
