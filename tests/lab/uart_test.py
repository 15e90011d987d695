# SPDX-License-Identifier: Apache-2.0
"""Real UARTs (two of the kernel's 8250, at the two ends of a line that QEMU makes) in the system's realm."""

import contextlib
import errno
import fcntl
import json
import os
import random
import socket
import struct
import subprocess
import termios
import threading

import harness
import serial
import serial.rfc2217
from lab_case import Machine, SystemCase, load, read, write

ONE, OTHER = "/dev/ttyS0", "/dev/ttyS1"


def names(case):
    return {port["name"]: port for port in json.loads(case.tool("opendext", "ports", "--json"))}


def lines(device):
    """The modem lines as the kernel has them."""
    return struct.unpack("i", fcntl.ioctl(device, termios.TIOCMGET, b"\0\0\0\0"))[0]


class Uart(SystemCase):
    def test_they_appear_by_themselves_and_go_with_their_driver(self):
        self.tool("opendext", "start")
        ports = self.wait_for(lambda: (found := names(self)).keys() >= {"ttyS0", "ttyS1"} and found, "both ports")
        self.assertNotIn("ttyS3", ports, "an 8250 for which the kernel only keeps a place")
        for name, device in (("ttyS0", ONE), ("ttyS1", OTHER)):
            self.assertEqual((ports[name]["callout"], ports[name]["dialin"]), (device, device), ports[name])
        # What the kernel says of it.
        self.assertEqual(ports["ttyS1"]["driver"], os.path.basename(os.readlink("/sys/class/tty/ttyS1/device/driver")))
        entry = next(each for each in self.services("IOSerialBSDClient") if each["properties"]["IOTTYDevice"] == "ttyS1")
        driver = os.path.realpath("/sys/class/tty/ttyS1/device/driver")
        device = os.path.basename(os.path.realpath("/sys/class/tty/ttyS1/device"))
        write(os.path.join(driver, "unbind"), device)
        self.wait_for(lambda: "ttyS1" not in names(self), "the port to go")
        self.assertIn("ttyS0", names(self))
        write(os.path.join(driver, "bind"), device)
        self.wait_for(lambda: "ttyS1" in names(self), "the port to come back")
        again = next(each for each in self.services("IOSerialBSDClient") if each["properties"]["IOTTYDevice"] == "ttyS1")
        self.assertNotEqual(again["id"], entry["id"], "another arrival is another entry")


if __name__ == "__main__":
    harness.main()
