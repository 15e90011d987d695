#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HID with a kernel: its devices as nubs, held off while a driver has them; what drivers make for the kernel."""

import glob
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import unittest

import harness

HID = os.path.join(harness.SOURCE, "families", "hid")
sys.path[:0] = [os.path.join(harness.SOURCE, "tests", "lab"), os.path.join(HID, "tests"),
                os.path.join(harness.PREFIX, "lib", "python3", "dist-packages")]

import hid_case  # pylint: disable=wrong-import-position
import uhid_device  # pylint: disable=wrong-import-position
from lab_case import IN_LAB, ORDINARY, Machine, SystemCase, load, read  # pylint: disable=wrong-import-position

QEMU = 0x627  # vendor
NOT_PERMITTED = 0xe00002e2
EVENT = struct.Struct("llHHi")
EV_KEY, EV_LED, EV_ABS = 1, 0x11, 3
KEY_A, LED_CAPS = 30, 1
PRESSED, RELEASED = "0000040000000000", "0000000000000000"
# Two feature reports with ids 5 and 6, an input and an output report with id 5.
NUMBERED = bytes.fromhex("0600ff0901a101" "85050902150026ff0075089503b102" "0903750895028102" "0904750895029102"
                         "8506090575089501b102" "c0")


def event_nodes(name):
    """Event devices whose name has this in it."""
    return ["/dev/input/" + os.path.basename(folder) for folder in glob.glob("/sys/class/input/event*")
            if name in read(folder + "/device/name")]


class Listener:
    """Reads events of an event device from now on."""

    def __init__(self, case, node):
        self.file = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        case.addCleanup(os.close, self.file)
        self.found = []

    def events(self, kind, wait=0.05):
        while select.select([self.file], [], [], wait)[0]:
            self.found.extend(event[2:] for event in EVENT.iter_unpack(os.read(self.file, 64 * EVENT.size)))
            wait = 0
        return [event[1:] for event in self.found if event[0] == kind]

    def write(self, kind, code, value):
        os.write(self.file, EVENT.pack(0, 0, kind, code, value) + EVENT.pack(0, 0, 0, 0, 0))


@unittest.skipUnless(IN_LAB, "runs in the lab")
class Case(SystemCase, hid_case.HidCase):
    def setUp(self):
        super().setUp()
        load("uhid", "uinput")
        # Nothing of an earlier test: the system's realm keeps what is installed.
        self.addCleanup(self.uninstall_all)
        self.machine = Machine()
        self.addCleanup(self.machine.close)
        self.tool("opendext", "start")

    def uninstall_all(self):
        for name in ("plainevents", "typingkeyboard"):
            self.realm.run("opendext", "uninstall", f"org.example.{name}")

    def daemon(self):
        return next((pid for pid in self.realm.processes()
                     if harness.command_line(pid).split(" ")[0].endswith("/opendextd")), None)

    def devices(self, product):
        return [entry for entry in self.services("IOHIDDevice") if entry["properties"].get("Product") == product]

    def device(self, product):
        return self.wait_for(lambda: self.devices(product), f"the device {product}")[0]

    def press(self, key="a"):
        self.machine("send-key", keys=[{"type": "qcode", "data": key}])

    def install_events(self, **match):
        path = harness.changed_dext("PlainEvents", self.folder, "PlainEvents", match, hid_case.dext("PlainEvents"))
        self.tool("opendext", "install", path)

    def uhid(self, name, descriptor, product):
        device = uhid_device.UhidDevice(name, descriptor, 0x1209, product)
        self.addCleanup(device.close)
        return device


class KernelDevicesTest(Case):
    def test_they_are_published_with_what_sysfs_says(self):
        keyboard = self.device("QEMU USB Keyboard")["properties"]
        self.assertEqual((keyboard["VendorID"], keyboard["ProductID"], keyboard["Transport"]), (QEMU, 1, "USB"))
        self.assertEqual((keyboard["PrimaryUsagePage"], keyboard["PrimaryUsage"]), (1, 6))
        self.assertEqual(keyboard["Manufacturer"], "QEMU")
        self.assertEqual(keyboard["MaxInputReportSize"], 8)
        self.assertNotEqual(keyboard["LocationID"], self.device("QEMU USB Tablet")["properties"]["LocationID"])
        listed = self.realm.run("opendext", "hid", "ls").stdout
        self.assertRegex(listed, r"QEMU USB Keyboard  0x\w+  0627:0001  Keyboard  USB  /dev/hidraw\d")

    def test_they_go_and_come_with_the_hardware(self):
        before = self.device("QEMU USB Tablet")["id"]
        self.machine("device_del", id="tablet")
        self.wait_for(lambda: not self.devices("QEMU USB Tablet"), "the end of the tablet")
        self.machine("device_add", driver="usb-tablet", id="tablet")
        self.assertNotEqual(self.device("QEMU USB Tablet")["id"], before)

    def test_reports_reach_a_program(self):
        self.device("QEMU USB Keyboard")
        with subprocess.Popen([os.path.join(harness.PREFIX, "bin", "opendext"), "hid", "record", "QEMU USB Keyboard", "--count", "2"],
                              env=self.realm.environment(), stdout=subprocess.PIPE, text=True) as recorder:
            head = [recorder.stdout.readline() for _ in range(4)]
            self.assertTrue(head[1].startswith("R: "), head)
            self.press()
            lines = recorder.stdout.read().splitlines()
        self.assertEqual([line.split()[2:] for line in lines[-2:]],
                         [["8"] + bytes.fromhex(PRESSED).hex(" ").split(), ["8"] + bytes.fromhex(RELEASED).hex(" ").split()])

    def inhibited(self, keyboard):
        return [read(path) for path in glob.glob(keyboard["properties"]["OpenDextSysfs"] + "/input/input*/inhibited")]

    def test_a_driver_has_its_device_for_itself_and_gives_it_back(self):
        keyboard = self.device("QEMU USB Keyboard")
        kernels = Listener(self, event_nodes("QEMU USB Keyboard")[0])
        self.press()
        self.wait_for(lambda: (KEY_A, 1) in kernels.events(EV_KEY), "the kernel's own event")
        self.assertEqual(self.inhibited(keyboard), ["0"])

        self.install_events(VendorID=QEMU, ProductID=1, PrimaryUsagePage=1, PrimaryUsage=6)
        self.wait_for(lambda: self.inhibited(keyboard) == ["1"], "the kernel held off")
        trace = self.trace("PlainEvents")
        node = self.wait_for(lambda: [node for node in event_nodes("QEMU USB Keyboard") if self.is_virtual(node)],
                             "the driver's input device")[0]
        ours = Listener(self, node)
        kernels.events(EV_KEY)
        kernels.found.clear()
        self.press()
        trace.events(("keyboard", 7, 4, 1, 1), ("keyboard", 7, 4, 0, 1))
        self.wait_for(lambda: (KEY_A, 0) in ours.events(EV_KEY), "the driver's event")
        self.assertEqual([event for event in ours.events(EV_KEY) if event[1] < 2], [(KEY_A, 1), (KEY_A, 0)])
        self.assertEqual(kernels.events(EV_KEY), [])

        # opendextd's death changes nothing of it, and its successor knows what to give back.
        daemon = self.daemon()
        os.kill(daemon, signal.SIGKILL)
        self.wait_for(lambda: self.daemon() not in (None, daemon), "another opendextd")
        self.assertEqual(self.inhibited(keyboard), ["1"])
        self.press("b")
        trace.events(("keyboard", 7, 5, 1, 1), ("keyboard", 7, 5, 0, 1))

        self.tool("opendext", "uninstall", "org.example.plainevents")
        self.wait_for(lambda: self.inhibited(keyboard) == ["0"], "the device given back")
        self.wait_for(lambda: not any(map(self.is_virtual, event_nodes("QEMU USB Keyboard"))), "the end of the driver's device")
        self.press()
        self.wait_for(lambda: (KEY_A, 1) in kernels.events(EV_KEY), "the kernel's own event again")

    def test_the_end_of_the_realm_gives_devices_back(self):
        keyboard = self.device("QEMU USB Keyboard")
        self.install_events(VendorID=QEMU, ProductID=1, PrimaryUsagePage=1, PrimaryUsage=6)
        self.wait_for(lambda: self.inhibited(keyboard) == ["1"], "the kernel held off")
        self.tool("opendext", "stop")
        self.assertEqual(self.inhibited(keyboard), ["0"])

    def kill_realm(self):
        """All of it at once: an opendextd that sees the keeper's end gives devices back."""
        processes = self.realm.processes()
        os.kill(self.daemon(), signal.SIGSTOP)
        os.kill(self.realm.keeper_pid(), signal.SIGKILL)
        self.wait_for(lambda: not any(map(harness.start_time, processes)), "the end of the realm")

    def test_a_realm_that_was_killed_is_tidied_up_by_the_next_one(self):
        keyboard = self.device("QEMU USB Keyboard")
        self.install_events(VendorID=QEMU, ProductID=1, PrimaryUsagePage=1, PrimaryUsage=6)
        self.wait_for(lambda: self.inhibited(keyboard) == ["1"], "the kernel held off")
        self.trace("PlainEvents")
        self.kill_realm()
        self.assertEqual(self.inhibited(keyboard), ["1"])
        # The driver gets the device again, and it is given back when that leaves.
        self.tool("opendext", "start")
        self.trace("PlainEvents")
        self.assertEqual(self.inhibited(keyboard), ["1"])
        self.kill_realm()
        # Without the driver: at once.
        shutil.rmtree("/var/lib/opendext/extensions")
        self.tool("opendext", "start")
        self.wait_for(lambda: self.inhibited(keyboard) == ["0"], "the device given back")
        self.wait_for_message("is given back: a realm that was killed held it off")
        self.assertFalse(os.path.exists("/run/opendext/run/hid-inhibited"))

    @staticmethod
    def is_virtual(node):
        return "/virtual/" in os.path.realpath("/sys/class/input/" + os.path.basename(node))

    def test_a_driver_that_crashes_leaves_no_key_pressed_and_gets_its_device_again(self):
        keyboard = self.device("QEMU USB Keyboard")
        self.install_events(VendorID=QEMU, ProductID=1, PrimaryUsagePage=1, PrimaryUsage=6)
        trace = self.trace("PlainEvents")
        node = self.wait_for(lambda: [node for node in event_nodes("QEMU USB Keyboard") if self.is_virtual(node)],
                             "the driver's input device")[0]
        ours = Listener(self, node)
        self.machine("input-send-event", events=[{"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}}])
        trace.events(("keyboard", 7, 4, 1, 1))
        self.wait_for(lambda: (KEY_A, 1) in ours.events(EV_KEY), "the key")
        os.kill(self.realm.drivers("org.example.plainevents")[0], signal.SIGKILL)
        self.wait_for(lambda: (KEY_A, 0) in ours.events(EV_KEY), "the key let go")
        self.assertEqual(self.inhibited(keyboard), ["1"])
        self.machine("input-send-event", events=[{"type": "key", "data": {"down": False, "key": {"type": "qcode", "data": "a"}}}])


class HidrawTest(Case):
    def open(self, product):
        import opendext.hid  # pylint: disable=import-outside-toplevel
        os.environ["OPENDEXT_REALM"] = self.realm.root
        entry = self.device(product)
        device = opendext.hid.Device(opendext.service(opendext.matching.by_id(entry["id"])))
        device.open()
        self.addCleanup(device.close)
        return device

    def test_ten_thousand_sets_and_gets_in_a_row(self):
        from opendext.hid import ReportType  # pylint: disable=import-outside-toplevel
        self.uhid("Numbered", NUMBERED, 0x51)
        device = self.open("Numbered")
        for i in range(10_000):
            report = bytes([5, i & 0xFF, i >> 8, 7])
            device.set_report(ReportType.FEATURE, report, 5)
            self.assertEqual(bytes(device.get_report(ReportType.FEATURE, 5)), report)

    def test_output_reports_and_input_reports_pass(self):
        from opendext.hid import ReportType  # pylint: disable=import-outside-toplevel
        player = self.uhid("Numbered", NUMBERED, 0x52)
        device = self.open("Numbered")
        device.set_report(ReportType.OUTPUT, bytes([5, 1, 2]), 5)
        self.wait_for(lambda: player.outputs == [bytes([5, 1, 2])], "the output report")
        player.send([5, 8, 9])
        self.assertEqual(bytes(device.read(timeout=60).data), bytes([5, 8, 9]))

    def test_a_user_without_rights_is_told_so(self):
        self.uhid("Numbered", NUMBERED, 0x54)
        device = self.device("Numbered")
        node = device["properties"]["OpenDextNode"]

        def opened():
            done = subprocess.run([sys.executable, "-B", os.path.join(HID, "lab", "ordinary_user.py"), str(device["id"])],
                                  env=self.realm.environment(), user=ORDINARY, group=ORDINARY, extra_groups=[], capture_output=True,
                                  text=True, timeout=300, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)
        os.chmod(node, 0o600)
        for call, (code, reason) in opened().items():
            self.assertEqual(code, NOT_PERMITTED, call)
            self.assertRegex(reason, r"cannot open /dev/hidraw\d+ of .+: permission denied; `opendext doctor` shows the udev rule", call)
        os.chmod(node, 0o666)
        after = opened()
        self.assertEqual((after["device"], after["seized"]), ([0, ""], [0, ""]))
        self.assertEqual(after["manager"][0], NOT_PERMITTED, "QEMU's are root's still")

    def test_a_device_that_stalls_gives_a_time_out_with_the_reason(self):
        import opendext  # pylint: disable=import-outside-toplevel
        from opendext.hid import ReportType  # pylint: disable=import-outside-toplevel
        player = self.uhid("Numbered", NUMBERED, 0x53)
        device = self.open("Numbered")
        device.set_report(ReportType.FEATURE, bytes([6, 1]), 6)
        player.stalls = True
        with self.assertRaises(opendext.Error) as refused:
            device.get_report(ReportType.FEATURE, 6, timeout=0.3)
        self.assertIn("the kernel still waits for the device", str(refused.exception))
        with self.assertRaises(opendext.Error) as behind:
            device.get_report(ReportType.FEATURE, 5, timeout=0.3)
        self.assertRegex(str(behind.exception), r"the kernel waits since \d+ ms for the device's answer to a get of feature report 6")


class VirtualDeviceTest(Case):
    def setUp(self):
        super().setUp()
        self.tool("opendext", "install", hid_case.dext("TypingKeyboard"))
        self.device("Typing keyboard")

    def client(self, *arguments):
        result = subprocess.run([sys.executable, "-B", os.path.join(hid_case.FOLDER, "virtual_keyboard_client.py"), *arguments],
                                env=self.realm.environment(), capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.split()

    def test_what_a_client_types_arrives_at_evdev_and_lights_come_back(self):
        node = self.wait_for(lambda: event_nodes("Typing keyboard"), "the kernel's keyboard")[0]
        keyboard = Listener(self, node)
        self.client("type", PRESSED, RELEASED)
        self.wait_for(lambda: (KEY_A, 0) in keyboard.events(EV_KEY), "the key")
        self.assertEqual(keyboard.events(EV_KEY), [(KEY_A, 1), (KEY_A, 0)])
        keyboard.write(EV_LED, LED_CAPS, 1)
        self.wait_for(lambda: self.client("lights")[0] == "2", "the light at the driver")

    def test_its_hidraw_node_is_not_a_second_device(self):
        self.wait_for(lambda: event_nodes("Typing keyboard"), "the kernel's keyboard")
        self.assertEqual(len(self.devices("Typing keyboard")), 1)

    def test_it_stays_when_its_driver_crashes(self):
        node = self.wait_for(lambda: event_nodes("Typing keyboard"), "the kernel's keyboard")[0]
        keyboard = Listener(self, node)
        entry = self.device("Typing keyboard")["id"]
        os.kill(self.realm.drivers("org.example.typingkeyboard")[0], signal.SIGKILL)
        self.wait_for(lambda: [one for one in self.devices("Typing keyboard") if one["id"] != entry], "the driver again")
        self.client("type", PRESSED, RELEASED)
        self.wait_for(lambda: (KEY_A, 0) in keyboard.events(EV_KEY), "the key, from the same device")


if __name__ == "__main__":
    unittest.main()
