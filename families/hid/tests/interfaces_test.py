#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A driver that opens its IOHIDInterface itself: reports as memory by an action, get and set, time-outs, unplug."""

import harness
import hid_case

VENDOR_DEVICE = bytes.fromhex(
    "0600ff0901a101"
    "0901150026ff0075089504" "8102"   # input: four bytes
    "09019502" "9102"                 # output: two
    "09019502" "b102"                 # feature: two
    "c0")
TIMED_OUT = "0xe00002d6"


class InterfaceTest(hid_case.HidCase):
    def start(self, *options):
        self.tool("opendext", "install", hid_case.dext("OwnReports"))
        device = self.plug(VENDOR_DEVICE, *options, VendorID=0x1209, ProductID=3, RequestTimeout=200_000)
        self.wait_for_message("open 0x")
        return device

    def test_it_is_open_once_and_until_stop(self):
        device = self.start()
        self.assertEqual(self.messages("before: set"), ["before: set 0xe00002cd, a buffer of 1 byte 0xe00002db"])
        self.assertEqual(self.messages("open 0x"), ["open 0x0, again 0xe00002c5"])
        device.unplug()
        self.wait_for_message("close 0x")

    def test_reports_arrive_as_memory(self):
        device = self.start()
        for first in range(16, 216):
            device.send([first, 0, 0, 0])
        lines = self.wait_for_message("arrived: ", 200)
        self.assertEqual(lines, [f"arrived: 4 bytes, type 0, id 0, first {first:02x}, time 1" for first in range(16, 216)])

    def test_get_and_set(self):
        device = self.start()
        device.order(get=[2, 0, "c3d4"])
        device.send([1, 0, 0, 0])
        self.assertEqual(self.wait_for_message("got 0x"), ["got 0x0, 2 bytes, first c3"])
        device.send([2, 0x77, 0, 0])
        self.assertEqual(device.expect("set"), [1, 0, "5a77"])
        self.assertEqual(self.wait_for_message("sent 0x"), ["sent 0x0"])

    def test_values_of_elements_are_exchanged_with_the_device(self):
        device = self.start()
        device.order(get=[2, 0, "99aa"])
        device.send([3, 0, 0, 0])
        self.assertEqual(self.wait_for_message("elements 0x"), ["elements 0x0, value 0xaa99"])
        self.assertEqual(device.expect("get"), [2, 0])
        # What a report of the driver's own put there is sent, and read again as the device has it.
        self.assertEqual(device.expect("set"), [2, 0, "3412"])
        self.assertEqual(self.wait_for_message("made elements: "), ["made elements: 1, value 0x1234, set 0x0, get 0x0"])
        self.assertEqual(device.expect("get"), [2, 0])
        self.assertEqual(self.messages("an interface of no device: "), ["an interface of no device: 1, elements 0"])

    def test_what_the_device_answers_reaches_the_driver(self):
        device = self.start()
        device.order(status=[2, 0, 0xE00002E2])
        device.send([1, 0, 0, 0])
        self.assertRegex(self.wait_for_message("got 0x")[0], r"got 0xe00002e2, ")

    def test_a_device_that_stalls_times_out_with_the_reason(self):
        device = self.start("--stall")
        device.send([1, 0, 0, 0])
        self.assertRegex(self.wait_for_message("got 0x")[0], f"got {TIMED_OUT}, ")
        reason = self.wait_for_message("GetReport: ")[0]
        self.assertRegex(reason, r"get of feature report.*no answer within [2-9]\d{2,} ms")
        # The queue is free again: the next report is handled.
        device.send([0x42, 0, 0, 0])
        self.wait_for_message("first 42")

    def test_reports_and_requests_go_on_after_a_link_has_broken(self):
        device = self.start()
        device.order(**{"break": "nonsense"})
        self.assertEqual(device.expect("broke"), 1)
        self.wait_for_message("the report link of OwnReports broke")
        device.send([0x42, 0, 0, 0])
        self.wait_for_message("first 42")
        device.send([2, 0x77, 0, 0])
        self.assertEqual(device.expect("set"), [1, 0, "5a77"])
        device.unplug()
        self.assertEqual(self.wait_for_message("close 0x"), ["close 0x0, again 0xe00002cd"])

    def test_unplugged_while_a_request_waits(self):
        self.tool("opendext", "install", hid_case.dext("OwnReports"))
        device = self.plug(VENDOR_DEVICE, "--stall", VendorID=0x1209, ProductID=3, RequestTimeout=60_000_000)
        self.wait_for_message("open 0x")
        device.send([1, 0, 0, 0])
        device.expect("get")
        device.unplug()
        self.assertRegex(self.wait_for_message("got 0x")[0], r"got 0xe00002(c0|eb), ")


if __name__ == "__main__":
    harness.main()
