# SPDX-License-Identifier: Apache-2.0
"""What the tests of ports share: a realm with the port of loop_line/, whose driver loops bytes back and logs its calls."""

import contextlib
import fcntl
import os
import re
import select
import struct
import termios
import time

import harness
import serial

DEXT = os.path.join(harness.PREFIX, "tests", "dexts", "LoopLine.dext")

# Arguments of HwProgramUART: speed, data bits, half stop bits (2 = one stop bit, 4 = two), PD_RS232_PARITY_NONE.
DEFAULT_8N1 = "uart 9600 8 2 1"
NO_FLOW = "flow 0x0 17 19"
RTS_CTS = "flow 0x24 17 19"
XON_XOFF = "flow 0x18 17 19"
OPENED = ("activate", DEFAULT_8N1, NO_FLOW, "mcr 1 1")
CLOSED = ("mcr 0 0", "deactivate")
HOLDING = 110  # at this speed the driver takes nothing
WAIT = 30 * harness.PATIENCE

EXTPROC = 0o200000
TCGETS2, TCSETS2, BOTHER = 0x802C542A, 0x402C542B, 0o010000


class LoopLineCase(harness.RealmCase):
    def setUp(self):
        super().setUp()
        self.seen = 0
        self.install()

    def install(self):
        """Installs the driver; its port is there, at the same path each time."""
        self.tool("opendext", "install", DEXT)
        node = self.wait_for(lambda: self.services("IOSerialBSDClient"), "the port's node")[0]
        self.device = node["properties"]["IOCalloutDevice"]
        self.dialin = node["properties"]["IODialinDevice"]

    def calls(self, *kinds):
        """The calls that the driver logged, all of them or those of these kinds (first words). "fifo" only when asked for:
        pyserial and others flush when they open, and whether that is before or after the settings is not ours to say."""
        found = [match.group(1) for line in self.realm.log()
                 if (match := re.search(r"\bcall: ([a-z]+[0-9a-fx ]*)$", str(line.get("message", ""))))]
        return [call for call in found if (call.split()[0] in kinds if kinds else not call.startswith("fifo"))]

    def expect(self, *wanted):
        """Waits until the driver got these calls, exactly and in this order, since the last expect()."""
        self.wait_for(lambda: len(self.calls()) >= self.seen + len(wanted), f"the calls {wanted}, got {self.calls()[self.seen:]}")
        self.assertEqual(self.calls()[self.seen:], list(wanted))
        self.seen += len(wanted)

    def open(self, flags=0, path=None):
        """Opens the port as it stands, without asking for any settings."""
        return os.open(path or self.device, os.O_RDWR | os.O_NOCTTY | flags)

    def open_default(self):
        """Opens it for the whole test; the driver has heard of it."""
        descriptor = self.open()
        self.addCleanup(os.close, descriptor)
        self.expect(*OPENED)
        return descriptor

    def settings(self, **options):
        """A pyserial port on the same node; its settings are what an application would ask for."""
        options.setdefault("timeout", WAIT)
        port = serial.Serial(self.device, options.pop("baudrate", 9600), **options)
        self.addCleanup(port.close)
        return port

    def cook(self, descriptor, modes):
        """Asks for line editing, echo or signals, and waits until the kernel does them."""
        change(descriptor, modes)
        self.wait_for_kernel(descriptor)

    def wait_for_kernel(self, descriptor):
        self.wait_for(lambda: not termios.tcgetattr(descriptor)[3] & EXTPROC, "the kernel to do the line's work")

    def read(self, descriptor, count):
        """Exactly `count` bytes, fewer when no more come."""
        got = b""
        while len(got) < count and readable(descriptor):
            got += os.read(descriptor, count - len(got))
        return got


def readable(descriptor, timeout=WAIT):
    return bool(select.select([descriptor], [], [], timeout)[0])


def change(descriptor, set_local=0, clear_local=0, speed=None):
    """Changes flags of the local modes, and the speed (a constant of termios)."""
    attributes = termios.tcgetattr(descriptor)
    attributes[3] = attributes[3] & ~clear_local | set_local
    if speed is not None:
        attributes[4] = attributes[5] = speed
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


def set_any_speed(descriptor, speed):
    """Any speed at all, as programs on Linux ask for it: TCSETS2 with BOTHER."""
    settings = bytearray(44)
    fcntl.ioctl(descriptor, TCGETS2, settings)
    words = list(struct.unpack("4I20B2I", settings))
    words[2] = words[2] & ~0o010017 | BOTHER
    words[-2:] = [speed, speed]
    fcntl.ioctl(descriptor, TCSETS2, struct.pack("4I20B2I", *words))


def get_any_speed(descriptor):
    settings = bytearray(44)
    fcntl.ioctl(descriptor, TCGETS2, settings)
    return struct.unpack("4I20B2I", settings)[-1]


@contextlib.contextmanager
def non_blocking(descriptor):
    os.set_blocking(descriptor, False)
    try:
        yield
    finally:
        os.set_blocking(descriptor, True)


def fill(descriptor, data, quiet=0.5):
    """Writes of `data` what is taken, until nothing has been taken for a while; gives how much that was."""
    sent, last = 0, time.monotonic()
    with non_blocking(descriptor):
        while sent < len(data) and time.monotonic() - last < quiet * harness.PATIENCE:
            try:
                sent += os.write(descriptor, data[sent:sent + 4096])
                last = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
    return sent
