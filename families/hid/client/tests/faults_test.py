# SPDX-License-Identifier: Apache-2.0
"""The other side goes away: each call of a program is under way when its device is unplugged or killed, and each program is
killed when a call of it is under way."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import harness

sys.path.insert(0, os.path.join(harness.PREFIX, "lib", "python3", "dist-packages"))
sys.path.insert(0, os.path.join(harness.SOURCE, "tests", "campaign"))

import opendext  # noqa: E402
import world  # noqa: E402
from opendext import hid  # noqa: E402

# Input report 1 and feature report 1 of one byte, output report 2 of one byte.
DESCRIPTOR = bytes.fromhex("0600ff0901a101" "150026ff0075089501" "8501" "09028102" "0903b102" "8502" "09049102" "c0")
# Plays the device in a process of its own; every request is answered, or told and never answered.
PLAYER = """
import sys
import threading
sys.path.insert(0, sys.argv[1])
from opendext import hid
def asked(request):
    if sys.argv[3] == "silent":
        print("asked", flush=True)
        return hid.LATER
    return b"\\x01\\x07" if request.room else None
ended = threading.Event()
device = hid.SimulatedDevice(bytes.fromhex(sys.argv[2]), {"Product": "Doomed", "VendorID": 0xF0DE}, get_report=asked, set_report=asked,
                             on_unplugged=ended.set)
print(device.entry, flush=True)
if sys.argv[3] == "told":
    print("unplugged" if ended.wait(100) else "not told", flush=True)
for line in sys.stdin:
    if line.startswith("send"):
        device.send_input(bytes([1, int(line.split()[1])]))
"""
# Uses the device in a process of its own, with the call that it is told.
USER = """
import sys
sys.path.insert(0, sys.argv[1])
from opendext import hid
device = hid.device(vendor=0xF0DE).open(seize=True)
print("open", flush=True)
CALLS[sys.argv[2]](device)
"""
FEATURE, OUTPUT = hid.ReportType.FEATURE, hid.ReportType.OUTPUT
# Each call that waits for the device.
CALLS = {
    "get": "lambda device: device.get_report(hid.ReportType.FEATURE, 1)",
    "get with a call-back": "lambda device: device.get_report(hid.ReportType.FEATURE, 1, timeout=600)",
    "set": "lambda device: device.set_report(hid.ReportType.OUTPUT, bytes([2, 1]), 2)",
    "set with a call-back": "lambda device: device.set_report(hid.ReportType.OUTPUT, bytes([2, 1]), 2, timeout=600)",
    "value": "lambda device: device.value(device.elements({'Type': 257})[0])",
    "set value": "lambda device: device.set_value(device.elements({'Type': 129})[0], 1)",
}
MODULES = os.path.join(harness.PREFIX, "lib", "python3", "dist-packages")


class Faults(harness.RealmCase):
    def setUp(self):
        super().setUp()
        self.tool("opendext", "start")
        opendext.set_realm(self.realm.root)
        self.addCleanup(opendext.set_realm, None)

    def program(self, text, *arguments):
        process = subprocess.Popen([sys.executable, "-B", "-c", text, MODULES, *arguments], env=self.realm.environment(), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

        self.addCleanup(end)
        return process

    def plug(self, how):
        player = self.program(PLAYER, DESCRIPTOR.hex(), how)
        self.assertTrue(player.stdout.readline().strip().isdigit(), "the device was not plugged in")
        return player

    def device(self):
        found = self.wait_for(lambda: hid.device(vendor=0xF0DE), "the device")
        self.addCleanup(found.close)
        return found

    def input(self, player, device, number, timeout=0.2):
        """Has the device send a report; what came of it."""
        player.stdin.write(f"send {number}\n")
        player.stdin.flush()
        report = device.read(timeout)
        return report and report.data

    def test_a_device_that_is_unplugged_or_killed_ends_each_call(self):
        for how in ("unplugged", "killed"):
            for name, call in CALLS.items():
                with self.subTest(how=how, call=name):
                    player = self.plug("silent")
                    device = self.device().open()
                    raised = []

                    def run(call=call, device=device, raised=raised):
                        try:
                            eval(call)(device)  # pylint: disable=eval-used
                        except opendext.Error as error:
                            raised.append(error)

                    thread = threading.Thread(target=run, daemon=True)
                    thread.start()
                    self.assertEqual(player.stdout.readline(), "asked\n")
                    if how == "killed":
                        player.kill()
                    else:
                        player.stdin.close()
                    thread.join(120 * harness.PATIENCE)
                    self.assertFalse(thread.is_alive(), "the call waits still")
                    self.assertEqual([error.name for error in raised], ["kIOReturnNoDevice"])
                    self.assertIn("Doomed", raised[0].reason)
                    self.assertTrue(device.wait_removed(60 * harness.PATIENCE))
                    self.assertEqual(device.get("Product"), "Doomed")
                    device.close()
                    self.wait_for(lambda: not hid.devices(vendor=0xF0DE), "the entry gone")
                    player.wait()

    def test_a_program_that_is_killed_in_each_call_leaves_the_device_to_others(self):
        player = self.plug("silent")
        user_program = USER.replace("CALLS[sys.argv[2]]", "({" + ", ".join(f"{json.dumps(name)}: {call}" for name, call in CALLS.items())
                                    + "})[sys.argv[2]]")
        for name in CALLS:
            with self.subTest(call=name):
                user = self.program(user_program, name)
                self.assertEqual(user.stdout.readline(), "open\n")
                self.assertEqual(player.stdout.readline(), "asked\n")
                with self.assertRaises(opendext.Error) as caught:
                    self.device().open(seize=True)
                self.assertEqual(caught.exception.name, "kIOReturnExclusiveAccess")
                user.kill()
                user.wait()

                def open_now():
                    try:
                        return self.device().open(seize=True)
                    except opendext.Error:
                        return None

                device = self.wait_for(open_now, "that the device can be seized again")
                # Input comes to whoever has it now.
                got = self.wait_for(lambda device=device: self.input(player, device, 9), "input")
                self.assertEqual(got, bytes([1, 9]))
                device.close()

    def test_a_device_that_is_replugged_is_found_again(self):
        for number in range(5):
            player = self.plug("answer")
            device = self.device().open()
            self.assertEqual(device.get_report(FEATURE, 1), bytes([1, 7]), number)
            player.send_signal(signal.SIGKILL)
            player.wait()
            self.assertTrue(device.wait_removed(60 * harness.PATIENCE))
            with self.assertRaises(opendext.Error):
                device.set_report(OUTPUT, bytes([2, 1]), 2)
            device.close()

    def test_reports_go_on_while_opendextd_is_killed_and_back(self):
        player = self.plug("answer")
        device = self.device().open()
        self.wait_for(lambda: self.input(player, device, 1), "input")
        while self.input(player, device, 2, 60 * harness.PATIENCE) != bytes([1, 2]):
            pass  # more than one was sent before one came
        while device.read(0.2):
            pass
        before = opendext.service({"IOProviderClass": "IOHIDUserDevice"}).id
        pids = self.realm.processes()
        daemon = next(pid for pid in pids if self.command(pid) == "opendextd")
        os.kill(daemon, signal.SIGKILL)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertEqual(device.get_report(FEATURE, 1), bytes([1, 7]))
            self.assertEqual(self.input(player, device, 3, 60 * harness.PATIENCE), bytes([1, 3]))
        # The same device for opendextd, too: whoever opens it now gets a link to it.
        again = self.wait_for(lambda: hid.device(vendor=0xF0DE), "the device after the restart")
        self.assertEqual(again.service.id, before)
        again.open()
        self.assertEqual(again.get_report(FEATURE, 1), bytes([1, 7]))
        again.close()
        self.assertFalse(device.removed)

    def test_a_player_hears_that_its_device_ended_with_nonsense_from_opendextd(self):
        for nonsense in (b"nonsense", bytes(32)):
            player = self.plug("told")
            daemon = next(pid for pid in self.realm.processes() if self.command(pid) == "opendextd")
            try:
                peers, theirs = world.peers(), world.socket_numbers(daemon)
                ends = [theirs[peers[inode]] for inode in world.socket_numbers(player.pid) if peers.get(inode) in theirs]
                self.assertNotEqual(ends, [])
                for number in ends:  # the control socket, and the connection of the library
                    with contextlib.closing(socket.socket(fileno=world.steal(daemon, number))) as end:
                        end.send(nonsense)
            except PermissionError as error:
                self.skipTest(f"descriptors of others cannot be had: {error}")
            self.assertEqual(player.stdout.readline(), "unplugged\n")
            self.wait_for(lambda: not hid.devices(vendor=0xF0DE), "the entry gone")

    def command(self, pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                return file.read().strip()
        except OSError:
            return ""

    def test_a_program_needs_no_driver_and_no_privilege(self):
        self.plug("answer")
        device = self.device().open()
        device.get_report(FEATURE, 1)
        self.assertEqual(self.services("IOUserServer"), [], "a driver process runs")


if __name__ == "__main__":
    harness.main()
