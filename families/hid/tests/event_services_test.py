#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Drivers that turn reports into events: their elements, their log, key for key and axis for axis in the trace."""

import os
import signal
import unittest

import harness
import hid_case

KEYS = 7          # usage page
A, B, CAPS_LOCK, LEFT_SHIFT = 0x04, 0x05, 0x39, 0xE1
ONE = 1 << 16     # of 16.16 numbers


def key(usage, value):
    return ("keyboard", KEYS, usage, value, 1)


class KeyboardTest(hid_case.HidCase):
    def setUp(self):
        super().setUp()
        self.tool("opendext", "install", hid_case.dext("KeyEvents"))
        self.keyboard = self.plug(hid_case.KEYBOARD, VendorID=0x1209, ProductID=1, Product="A keyboard")
        self.trace_of_keys = self.trace("KeyEvents")

    def test_reports_become_events_key_for_key(self):
        self.assertRegex(self.wait_for_message("startup task is now finished")[0],
                         r"finished: \d\d+ elements, 106 keys, keyboard 1")
        self.keyboard.send([0x02, 0, A, 0, 0, 0, 0, 0])
        self.trace_of_keys.events(key(LEFT_SHIFT, 1), key(A, 1))
        self.keyboard.send([0x02, 0, A, B, 0, 0, 0, 0])
        self.trace_of_keys.events(key(B, 1))
        self.keyboard.send([0, 0, B, 0, 0, 0, 0, 0])
        self.trace_of_keys.events(key(LEFT_SHIFT, 0), key(A, 0))
        self.keyboard.send(bytes(8))
        self.trace_of_keys.events(key(B, 0))

    def test_each_report_is_traced_with_its_elements(self):
        self.keyboard.send([0, 0, A, 0, 0, 0, 0, 0])
        report = self.trace_of_keys.next("report")
        self.assertEqual((report["type"], report["length"], report["bytes"]), (0, 8, "0000040000000000"))
        element = self.trace_of_keys.next("element")
        while (element["page"], element["usage"]) != (KEYS, A):
            element = self.trace_of_keys.next("element")
        self.assertEqual(element["value"], 1)
        event = self.trace_of_keys.next("event")
        self.assertEqual(event["time"], report["time"])

    def test_a_light_goes_to_the_device_as_an_output_report(self):
        self.keyboard.send([0, 0, CAPS_LOCK, 0, 0, 0, 0, 0])
        self.assertEqual(self.keyboard.expect("set"), [1, 0, "02"])
        report = self.trace_of_keys.next("report")
        while report["type"] != 1:
            report = self.trace_of_keys.next("report")
        self.assertEqual(report["bytes"], "02")

    def test_nothing_is_lost_and_nothing_comes_twice_in_a_burst(self):
        rounds = 300
        for _ in range(rounds):
            self.keyboard.send([0, 0, A, 0, 0, 0, 0, 0])
            self.keyboard.send(bytes(8))
            self.trace_of_keys.events(key(A, 1), key(A, 0))

    def test_short_and_strange_reports_harm_nothing(self):
        for report in (b"\x02", bytes(7), bytes(200), b"\xff" * 8, b"\x01\x00" + b"\x01" * 6):
            self.keyboard.send(report)
        self.keyboard.send(bytes(8))
        self.keyboard.send([0, 0, B, 0, 0, 0, 0, 0])
        event = self.trace_of_keys.next("event")
        while (event["usage"], event["value"]) != (B, 1):
            event = self.trace_of_keys.next("event")

    def test_a_report_link_that_breaks_is_made_again(self):
        drivers = self.realm.drivers("KeyEvents")
        for count, how in enumerate(("nonsense", "hang up", "hang up", "nonsense"), 1):
            self.keyboard.order(**{"break": how})
            self.assertEqual(self.keyboard.expect("broke"), 1)
            lines = self.wait_for_message("and was made again", count)
            self.assertRegex(lines[-1], r"the report link of KeyEvents broke \(.+\) and was made again: reports may be missing")
            self.keyboard.send([0, 0, A, 0, 0, 0, 0, 0])
            self.keyboard.send(bytes(8))
            self.trace_of_keys.events(key(A, 1), key(A, 0))
        # Requests go over the new one, and nobody has been started again.
        self.keyboard.send([0, 0, CAPS_LOCK, 0, 0, 0, 0, 0])
        self.assertEqual(self.keyboard.expect("set"), [1, 0, "02"])
        self.assertEqual(self.realm.drivers("KeyEvents"), drivers)

    def test_a_link_that_breaks_while_there_is_no_opendextd_is_made_by_the_next_one(self):
        daemon = self.realm.drivers("opendextd --realm")[0]
        os.kill(daemon, signal.SIGSTOP)
        self.keyboard.order(**{"break": "hang up"})
        self.assertEqual(self.keyboard.expect("broke"), 1)
        os.kill(daemon, signal.SIGKILL)
        self.wait_for_message("and was made again")
        self.keyboard.send([0, 0, A, 0, 0, 0, 0, 0])
        self.trace_of_keys.events(key(A, 1))

    def test_unplugged_and_plugged_in_again_it_goes_on(self):
        self.keyboard.unplug()
        self.wait_for(lambda: not self.services("AppleUserHIDEventService"), "the end of the event service")
        again = self.plug(hid_case.KEYBOARD, VendorID=0x1209, ProductID=1)
        trace = self.trace("KeyEvents")
        again.send([0, 0, A, 0, 0, 0, 0, 0])
        trace.events(key(A, 1))


class PlainDriverTest(hid_case.HidCase):
    """IOUserHIDEventDriver with no code of its own."""

    def start(self, descriptor):
        self.tool("opendext", "install", hid_case.dext("PlainEvents"))
        device = self.plug(descriptor, VendorID=0x1209, ProductID=2)
        return device, self.trace("PlainEvents")

    def test_keyboard(self):
        device, trace = self.start(hid_case.KEYBOARD)
        device.send([0, 0, A, 0, 0, 0, 0, 0])
        trace.events(key(A, 1))
        device.send([1, 0] + [1] * 6)  # too many keys for the device: what is down stays
        device.send([0, 0, A, B, 0, 0, 0, 0])
        trace.events(key(B, 1))
        device.send(bytes(8))
        trace.events(key(A, 0), key(B, 0))

    def test_mouse(self):
        device, trace = self.start(hid_case.MOUSE)
        device.send([0, 5, 0xFD, 0, 0])
        trace.events(("relative-pointer", 5 * ONE, -3 * ONE, 0))
        device.send([1, 0, 0, 0, 0])
        trace.events(("relative-pointer", 0, 0, 1))
        device.send([5, 1, 0, 0xFF, 2])
        trace.events(("relative-pointer", ONE, 0, 5), ("scroll", 2 * ONE, -ONE, 0))
        device.send([0, 0, 0, 0, 0])
        trace.events(("relative-pointer", 0, 0, 0))

    def test_absolute_pointer(self):
        device, trace = self.start(hid_case.TABLET)
        device.send([0, 0xFF, 0x7F, 0, 0])
        trace.events(("absolute-pointer", ONE, 0, 0))
        device.send([2, 0, 0, 0, 0x40])
        trace.events(("absolute-pointer", 0, 0x4000 * ONE // 32767, 2))

    def test_touch_screen(self):
        device, trace = self.start(hid_case.TOUCH_SCREEN)

        def finger(tip, identifier, x, y):
            return [tip, identifier] + list(x.to_bytes(2, "little")) + list(y.to_bytes(2, "little"))

        device.send(finger(1, 7, 500, 1000) + finger(0, 0, 0, 0) + [1])
        trace.events(("touch", 7, 3, ONE // 2, ONE))
        device.send(finger(1, 7, 500, 1000) + finger(1, 8, 0, 0) + [2])
        trace.events(("touch", 7, 3, ONE // 2, ONE), ("touch", 8, 3, 0, 0))
        device.send(finger(0, 7, 500, 1000) + finger(0, 8, 0, 0) + [2])
        trace.events(("touch", 7, 0, ONE // 2, ONE), ("touch", 8, 0, 0, 0))

    def test_pen(self):
        device, trace = self.start(hid_case.PEN)
        in_range, tip, barrel = 1, 2, 4
        device.send([0x08, 0xF4, 0x01, 0, 0, 0])
        trace.events(("stylus", 0, in_range, ONE // 2, 0, 0, 0, 0, 0))
        device.send([0x0B, 0xF4, 0x01, 0, 0, 255])
        trace.events(("stylus", 0, in_range | tip | barrel, ONE // 2, 0, ONE, 0, 0, 0))
        device.send([0, 0xF4, 0x01, 0, 0, 0])
        trace.events(("stylus", 0, 0, ONE // 2, 0, 0, 0, 0, 0))

    def test_game_controller(self):
        device, trace = self.start(hid_case.GAMEPAD)
        up, down, left, right, face_a = 0, 1, 2, 3, 6
        rest = [127, 127, 127, 127]
        device.send([0, 0, 8] + rest)  # the hat at rest
        device.send([1, 0, 8] + rest)
        event = trace.next("event")
        while event["control"] != face_a:  # sticks do not rest at their very middle
            event = trace.next("event")
        self.assertEqual(event["value"], ONE)
        device.send([1, 0, 1] + rest)
        trace.events(("game-control", up, ONE), ("game-control", right, ONE))
        device.send([1, 0, 8] + rest)
        trace.events(("game-control", up, 0), ("game-control", right, 0))
        device.send([0, 0, 8, 255, 0, 127, 127])
        trace.events(("game-control", face_a, 0), ("game-control", 12, ONE), ("game-control", 13, ONE))

    def test_a_device_without_events_is_refused_with_the_reason(self):
        self.tool("opendext", "install", hid_case.dext("PlainEvents"))
        self.plug(bytes.fromhex("0600ff0901a1010901150026ff007508950481" "02c0"), VendorID=0x1209, ProductID=2)
        self.wait_for_message("PlainEvents: the device has no element that makes events")
        self.assertEqual(self.services("AppleUserHIDEventService"), [])


if __name__ == "__main__":
    harness.main()
