# SPDX-License-Identifier: Apache-2.0
"""What the lab promises to tests: modules of the kernel, QEMU's keyboard and tablet, no network, nothing of the host written."""

import errno
import glob
import os
import select
import struct
import subprocess
import unittest

import harness
from lab_case import IN_LAB, Machine, load, read

EVENT = struct.Struct("llHHi")
EV_KEY, EV_ABS = 1, 3
KEY_A = 30


def input_device(word):
    """The event device whose name has the word."""
    for folder in glob.glob("/sys/class/input/event*"):
        if word in read(folder + "/device/name"):
            return "/dev/input/" + os.path.basename(folder)
    return None


@unittest.skipUnless(IN_LAB, "runs in the lab")
class Hardware(unittest.TestCase):
    def test_modules_for_input_usb_pci_and_character_devices(self):
        load("uhid", "uinput", "cuse", "vfio-pci", "tun", "usbhid", "dummy_hcd")
        for node in ("/dev/uhid", "/dev/uinput", "/dev/cuse", "/dev/vfio/vfio", "/dev/net/tun"):
            self.assertTrue(os.path.exists(node), node)

    def events(self, device, act, kind):
        """The first event of that kind that the device gives after `act`."""
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
        try:
            act()
            found = []

            def arrived():
                if select.select([descriptor], [], [], 0.1)[0]:
                    data = os.read(descriptor, 64 * EVENT.size)
                    found.extend(event for event in EVENT.iter_unpack(data) if event[2] == kind)
                return found

            return harness.wait_for(arrived, f"an event of {device}")[0]
        finally:
            os.close(descriptor)

    def test_keys_typed_by_qemu_arrive_at_evdev_and_hidraw_is_there(self):
        device = harness.wait_for(lambda: input_device("Keyboard"), "the keyboard")
        self.assertTrue(glob.glob("/dev/hidraw*"))
        machine = Machine()
        self.addCleanup(machine.close)
        event = self.events(device, lambda: machine("send-key", keys=[{"type": "qcode", "data": "a"}]), EV_KEY)
        self.assertEqual(event[3:], (KEY_A, 1))

    def test_the_tablet_moves(self):
        device = harness.wait_for(lambda: input_device("Tablet"), "the tablet")
        machine = Machine()
        self.addCleanup(machine.close)
        where = [{"type": "abs", "data": {"axis": axis, "value": 12000}} for axis in ("x", "y")]
        event = self.events(device, lambda: machine("input-send-event", events=where), EV_ABS)
        self.assertAlmostEqual(event[4], 12000, delta=200)

    def test_there_is_no_network_and_the_host_cannot_be_written(self):
        self.assertEqual(os.listdir("/sys/class/net"), ["lo"])
        for folder in ("/usr", harness.SOURCE, harness.PREFIX, "/lab/job"):
            with self.assertRaises(OSError) as refused:
                os.mkdir(os.path.join(folder, "written-by-the-lab"))
            self.assertEqual(refused.exception.errno, errno.EROFS)

    def test_a_stock_kernel(self):
        with open("/proc/version", encoding="utf-8") as file:
            self.assertIn("Debian", file.read())
        self.assertEqual(subprocess.run(["unshare", "--user", "true"], check=False).returncode, 0)


if __name__ == "__main__":
    harness.main()
