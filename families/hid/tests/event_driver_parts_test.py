#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The parts of IOUserHIDEventDriver that a driver can override and call, on a device of each kind: every_part/ overrides them
all, and dispatches an event of each kind itself after the first report."""

import harness
import hid_case

ONE = 1 << 16  # of 16.16 numbers
KEYS, A, CAPS_LOCK_LIGHT = 7, 4, "02"
UP, BACK_L4, BOTTOM_M1 = 0, 18, 22  # controls of a game controller
DISPATCHED = (("relative-pointer", ONE, -ONE, 1), ("absolute-pointer", ONE // 2, ONE, 0), ("scroll", 0, 2 * ONE, 0),
              ("touch", 3, 3, ONE // 4, 0), ("stylus", 0, 3, 0, ONE // 4, 0, 0, 0, 0))


def control(number, value):
    return ("game-control", number, value)


class Parts(hid_case.HidCase):
    def start(self, descriptor, report):
        self.tool("opendext", "install", hid_case.dext("EveryPart"))
        device = self.plug(descriptor, VendorID=0x1209, ProductID=6)
        trace = self.trace("EveryPart")
        device.send(report)
        self.assertEqual(self.wait_for_message("dispatched:"), ["dispatched: 0x0, of no collection 0"])
        # The report of the device, and the two empty ones that the driver made.
        self.assertEqual(self.messages("handled "), [f"handled {len(report)} bytes in 7 parts"] + ["handled 8 bytes in 7 parts"] * 2)
        self.assert_logged("handleStart: 1", "pool: 1")
        self.assertEqual(self.messages("parsed: "), ["parsed: 1"])
        self.assertEqual(self.messages("state: ")[0].split(", ")[1], "of nothing 0xe00002c7 0")
        return device, trace

    def assert_logged(self, *lines):
        for line in lines:
            self.assertIn(line, self.messages(line.split(":")[0] + ":"))

    def test_keyboard(self):
        device, trace = self.start(hid_case.KEYBOARD, [0, 0, A, 0, 0, 0, 0, 0])
        trace.events(("keyboard", KEYS, A, 1, 1), *DISPATCHED,
                     ("keyboard", KEYS, A, 1, 1),  # the state of the key, copied
                     control(UP, ONE), control(BACK_L4, ONE), control(UP, 0), control(BACK_L4, 0), control(BOTTOM_M1, ONE),
                     ("keyboard", KEYS, A, 0, 1))  # the driver's empty report
        self.assertEqual(device.expect("set"), [1, 0, CAPS_LOCK_LIGHT])
        self.assert_logged("taken: 107 keyboard 0 pointer 0 scroll 5 led 0 digitizer 0 game", "light 2: 1",
                           "again: controls 0, buttons 0, more 0, wanted 1", "described: surface 0, the same again 1")
        self.assertTrue(self.messages("properties 0x0"))
        self.assertTrue(self.messages("state: of a key 1,"))

    def test_mouse(self):
        _, trace = self.start(hid_case.MOUSE, [1, 5, 0, 0, 0])
        trace.events(("relative-pointer", 5 * ONE, 0, 1), *DISPATCHED)
        # At rest: the middle of -127 to 127, and of the lower 90 per cent of it more than half.
        self.assert_logged("taken: 0 keyboard 5 pointer 2 scroll 0 led 0 digitizer 0 game",
                           f"axis from -127: justified {round(127 / (254 - 25) * ONE)}, centred 0")
        self.assertTrue(self.messages("state: of a key 0,"))

    def test_touch_screen(self):
        self.start(hid_case.TOUCH_SCREEN, bytes(13))
        self.assert_logged("taken: 0 keyboard 0 pointer 0 scroll 0 led 9 digitizer 0 game", "described: surface 1, the same again 1",
                           f"axis from 0: justified 0, centred {-ONE}", "seen: elements 1, proximity 0, remaining 1")

    def test_game_controller(self):
        self.start(hid_case.GAMEPAD, [1, 0, 8, 127, 127, 127, 127])
        self.assert_logged("taken: 0 keyboard 2 pointer 0 scroll 0 led 0 digitizer 15 game",
                           "again: controls 1, buttons 0, more 0, wanted 1")


if __name__ == "__main__":
    harness.main()
