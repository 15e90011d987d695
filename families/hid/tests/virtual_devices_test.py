#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A driver that makes a HID device (IOUserHIDDevice): a client program types on it, other drivers and programs use it."""

import os
import subprocess
import sys
import tempfile

import harness
import hid_case

KEYS, A = 7, 0x04
PRESSED, RELEASED = "0000040000000000", "0000000000000000"
TIMED_OUT, NOT_PERMITTED = "0xe00002d6", "0xe00002e2"


class VirtualKeyboardTest(hid_case.HidCase):
    def setUp(self):
        super().setUp()
        self.tool("opendext", "install", hid_case.dext("TypingKeyboard"))
        self.keyboard = self.wait_for(lambda: self.services("AppleUserHIDDevice"), "the virtual device")[0]

    def client(self, *arguments):
        """What virtual_keyboard_client.py prints, as words."""
        result = subprocess.run([sys.executable, "-B", os.path.join(hid_case.FOLDER, "virtual_keyboard_client.py"),
                                 *map(str, arguments)], env=self.realm.environment(), capture_output=True, text=True,
                                timeout=300 * harness.PATIENCE, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.split()

    def test_it_is_what_the_driver_describes(self):
        self.assertEqual(self.messages("handleStart: "), ["handleStart: 1"])
        properties = self.keyboard["properties"]
        self.assertEqual((properties["Product"], properties["VendorID"], properties["ProductID"]), ("Typing keyboard", 0x1209, 4))
        self.assertEqual((properties["PrimaryUsagePage"], properties["PrimaryUsage"]), (1, 6))
        self.assertEqual((properties["MaxInputReportSize"], properties["MaxFeatureReportSize"]), (8, 2))
        interface = self.wait_for(lambda: self.services("IOHIDInterface"), "its interface")[0]
        self.assertEqual(interface["properties"]["ProductID"], 4)
        self.assertEqual(self.messages("before Start"), ["before Start: 0xe00002d8"])

    def test_a_program_reads_what_another_types(self):
        self.assertEqual(self.client("read", 2, PRESSED, RELEASED), [PRESSED, RELEASED])

    def test_another_driver_makes_events_of_it(self):
        folder = tempfile.TemporaryDirectory(prefix="opendext-")
        self.addCleanup(folder.cleanup)
        self.tool("opendext", "install", harness.changed_dext("PlainEvents", folder.name, "PlainEvents", {"ProductID": 4},
                                                              hid_case.dext("PlainEvents")))
        trace = self.trace("PlainEvents")
        self.client("type", PRESSED, RELEASED)
        trace.events(("keyboard", KEYS, A, 1, 1), ("keyboard", KEYS, A, 0, 1))

    def test_reports_to_the_device_reach_the_driver(self):
        self.assertEqual(self.client("set", "02"), ["set"])
        self.assertEqual(self.client("lights"), ["2", "1"])
        self.assertEqual(self.client("get"), ["a502"])
        self.client("behave", 2)
        self.assertEqual(self.client("get"), [NOT_PERMITTED])
        self.assertEqual(self.client("set", "03"), [NOT_PERMITTED])
        self.client("behave", 0)
        self.assertEqual(self.client("get"), ["a502"])

    def test_a_driver_that_never_completes_gives_a_time_out_with_the_reason(self):
        self.client("behave", 1)
        self.assertEqual(self.client("get"), [TIMED_OUT])
        self.assertEqual(self.client("set", "01"), [TIMED_OUT])
        self.wait_for_message("a get is taken and kept, time-out 300")
        self.wait_for_message("get of feature report 0: the driver did not call CompleteReport within 300 ms")
        self.client("behave", 0)
        self.assertEqual(self.client("get"), ["a500"])

    def test_thousands_of_requests_in_a_row(self):
        count = int(os.environ.get("OPENDEXT_HID_REQUESTS", "500"))
        self.client("many", count)
        self.assertEqual(self.client("lights"), [str((count - 1) & 0x1F), str(count)])

    def test_uninstalled_it_is_gone(self):
        self.tool("opendext", "uninstall", "org.example.typingkeyboard")
        self.wait_for(lambda: not self.services("AppleUserHIDDevice") and not self.services("IOHIDInterface"),
                      "the end of the device")


if __name__ == "__main__":
    harness.main()
