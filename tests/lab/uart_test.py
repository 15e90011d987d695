# SPDX-License-Identifier: Apache-2.0
"""Real UARTs in the system's realm: two 8250 of the kernel at the two ends of a line that QEMU makes, and a USB adapter that
is plugged in and out. What reaches the hardware is read from its registers."""

import contextlib
import errno
import fcntl
import glob
import json
import os
import random
import re
import struct
import subprocess
import termios
import threading
import time
import warnings

import harness
import serial
import serial.rfc2217
from lab_case import ORDINARY, LabCase, Machine, SystemCase, read, write

ONE, OTHER = "/dev/ttyS0", "/dev/ttyS1"
OTHER_PORTS = 0x2f8  # of OTHER's registers
LINE_CONTROL, MODEM_CONTROL = 3, 4
LOOP = 0x8000  # TIOCM_LOOP: the UART's own modem lines come back to it
XON, XOFF = b"\x11", b"\x13"


def register(number):
    """A register of OTHER, as the hardware has it."""
    with open("/dev/port", "rb", buffering=0) as ports:
        ports.seek(OTHER_PORTS + number)
        return ports.read(1)[0]


@contextlib.contextmanager
def opened(device):
    """A descriptor of a tty that others may have open too."""
    descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def exchanged(case, one, other, size):
    """Random bytes go both ways at once, and arrive as they are. Gives nothing back: it asserts."""
    chance = random.Random(size)
    sent = [chance.randbytes(size), chance.randbytes(size)]
    got = [b"", b""]

    def write_all(port, data):
        for start in range(0, size, 512):
            port.write(data[start:start + 512])

    def read_all(port, place):
        deadline = time.monotonic() + 60 * harness.PATIENCE
        while len(got[place]) < size and time.monotonic() < deadline:
            got[place] += port.read(size - len(got[place]))

    threads = [threading.Thread(target=write_all, args=(one, sent[0])), threading.Thread(target=write_all, args=(other, sent[1])),
               threading.Thread(target=read_all, args=(other, 0)), threading.Thread(target=read_all, args=(one, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place in (0, 1):
        case.assertEqual(len(got[place]), size)
        case.assertTrue(got[place] == sent[place], "the bytes are not those that were sent")


class Served:
    """`opendext serial serve` for a while."""

    def __init__(self, case, device, *arguments):
        self._end = None
        self.program = subprocess.Popen(
            [harness.program("opendext"), "serial", "serve", device, "--listen", "127.0.0.1:0", *arguments], text=True,
            env=case.realm.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        case.addCleanup(self.stop)
        line = self.program.stdout.readline()
        found = re.match(rf"serving \S+ at (\S+), protocol", line)
        case.assertTrue(found, line)
        self.address = found[1]

    def client(self, **settings):
        with warnings.catch_warnings(action="ignore"):  # pyserial's own
            return serial.serial_for_url(f"rfc2217://{self.address}", timeout=0.2, **settings)

    def stop(self):
        """Exit status and words."""
        if self._end is None:
            self.program.terminate()
            try:
                said = self.program.communicate(timeout=20 * harness.PATIENCE)[0]
            finally:
                self.program.kill()
            self._end = self.program.returncode, said
        return self._end


class PortsCase:
    def ports(self):
        return {port["name"]: port for port in json.loads(self.tool("opendext", "ports", "--json"))}

    def wait_for_port(self, name):
        return self.wait_for(lambda: self.ports().get(name), f"port {name}")

    def entry(self, device):
        return next(each for each in self.services("IOSerialBSDClient") if each["properties"]["IOTTYDevice"] == device)


class Uart(PortsCase, SystemCase):
    def setUp(self):
        super().setUp()
        for device in (ONE, OTHER):
            with opened(device) as descriptor:
                termios.tcflush(descriptor, termios.TCIOFLUSH)

    def test_a_stopped_line_keeps_nobody_from_ending(self):
        server = Served(self, OTHER, "--protocol", "rfc2217", "--line", "flow=xonxoff")
        with serial.Serial(ONE, 9600, timeout=0.2) as one, server.client(xonxoff=True) as other:
            one.write(XOFF)
            one.flush()
            with opened(OTHER) as descriptor:
                other.write(bytes(1000))
                self.wait_for(lambda: waiting(descriptor) > 0, "bytes to wait in the kernel")
            self.assertEqual(server.stop()[0], 0)

    def test_they_appear_by_themselves_and_go_with_their_driver(self):
        self.tool("opendext", "start")
        for name, device in (("ttyS0", ONE), ("ttyS1", OTHER)):
            port = self.wait_for_port(name)
            self.assertEqual((port["callout"], port["dialin"], port["state"], port["backend"], port["usb"]),
                             (device, device, "ready", "tty", None))
            self.assertEqual(port["driver"], os.path.basename(os.path.realpath(f"/sys/class/tty/{name}/device/driver")))
        self.assertNotIn("ttyS3", self.ports(), "an 8250 for which the kernel only keeps a place")
        before = self.entry("ttyS1")["id"]
        driver = os.path.realpath("/sys/class/tty/ttyS1/device/driver")
        device = os.path.basename(os.path.realpath("/sys/class/tty/ttyS1/device"))
        write(os.path.join(driver, "unbind"), device)
        self.wait_for(lambda: "ttyS1" not in self.ports(), "the port to go")
        self.assertIn("ttyS0", self.ports())
        write(os.path.join(driver, "bind"), device)
        self.wait_for_port("ttyS1")
        self.assertNotEqual(self.entry("ttyS1")["id"], before, "another arrival is another entry")

    def test_bytes_are_exact_both_ways(self):
        server = Served(self, OTHER, "--protocol", "rfc2217", "--baud", "115200")
        with serial.Serial(ONE, 115200, timeout=0.2) as one, server.client(baudrate=115200) as other:
            exchanged(self, one, other, 48 * 1024)
        self.assertEqual(server.stop()[0], 0)

    def test_raw_callers_get_the_bytes_alone(self):
        server = Served(self, OTHER, "--protocol", "raw", "--baud", "57600", "--line", "bits=8 parity=none stop=1 flow=none")
        with serial.Serial(ONE, 57600, timeout=0.2) as one, \
                serial.serial_for_url(f"socket://{server.address}", timeout=0.2) as other:
            exchanged(self, one, other, 16 * 1024)

    def test_settings_reach_the_hardware(self):
        server = Served(self, OTHER, "--protocol", "rfc2217")
        with server.client() as other:
            for settings, wanted in (
                    ({"bytesize": 7, "parity": "E", "stopbits": 1}, 0x1a), ({"bytesize": 8, "parity": "O", "stopbits": 2}, 0x0f),
                    ({"bytesize": 5, "parity": "N", "stopbits": 1}, 0x00), ({"bytesize": 6, "parity": "M", "stopbits": 1}, 0x29),
                    ({"bytesize": 7, "parity": "S", "stopbits": 2}, 0x3e), ({"bytesize": 8, "parity": "N", "stopbits": 1}, 0x03)):
                with self.subTest(**settings):
                    other.stopbits = 1  # two with five bits are one and a half
                    other.apply_settings({**other.get_settings(), **settings})
                    # Which parity means nothing where there is none.
                    meant = 0x3f if wanted & 0x08 else 0x0f
                    self.wait_for(lambda: register(LINE_CONTROL) & meant == wanted, "the UART to be set")
            for speed, constant in ((9600, termios.B9600), (50, termios.B50), (115200, termios.B115200)):
                other.baudrate = speed
                with opened(OTHER) as descriptor:
                    self.wait_for(lambda: termios.tcgetattr(descriptor)[4:6] == [constant] * 2, f"the speed {speed}")
            other.rtscts = True
            with opened(OTHER) as descriptor:
                self.wait_for(lambda: termios.tcgetattr(descriptor)[2] & termios.CRTSCTS, "RTS/CTS")
                other.rtscts = False
                other.xonxoff = True
                self.wait_for(lambda: not termios.tcgetattr(descriptor)[2] & termios.CRTSCTS
                              and termios.tcgetattr(descriptor)[0] & termios.IXON, "XON/XOFF")
                # What the hardware cannot do is told.
                with self.assertRaises(ValueError):
                    other.baudrate = 3_000_000

    def test_the_settings_are_put_back(self):
        with opened(OTHER) as descriptor:
            before = termios.tcgetattr(descriptor)
        server = Served(self, OTHER, "--protocol", "raw", "--baud", "2400", "--line", "bits=7 parity=odd")
        with opened(OTHER) as descriptor:
            self.assertEqual(termios.tcgetattr(descriptor)[4], termios.B2400)
        self.assertEqual(server.stop()[0], 0)
        with opened(OTHER) as descriptor:
            self.assertEqual(termios.tcgetattr(descriptor), before)

    def test_modem_lines_go_both_ways(self):
        server = Served(self, OTHER, "--protocol", "rfc2217")
        with server.client() as other:
            for dtr, rts in ((True, True), (False, True), (True, False), (False, False), (True, True)):
                other.dtr, other.rts = dtr, rts
                self.wait_for(lambda: register(MODEM_CONTROL) & 3 == dtr | rts << 1, f"DTR {dtr} and RTS {rts}")
            # QEMU's line has a carrier, and a far end that is ready.
            self.wait_for(lambda: (other.cts, other.dsr, other.cd, other.ri) == (True, True, True, False), "the far end's lines")
            # With its loop closed the UART sees what it says itself: DTR as DSR, RTS as CTS.
            with opened(OTHER) as descriptor:
                fcntl.ioctl(descriptor, termios.TIOCMBIS, struct.pack("i", LOOP))
                self.addCleanup(lambda: write_loop(False))
                other.dtr = False
                self.wait_for(lambda: (other.cts, other.dsr) == (True, False), "DSR to fall")
                other.dtr, other.rts = True, False
                self.wait_for(lambda: (other.cts, other.dsr) == (False, True), "CTS to fall and DSR to rise")
                fcntl.ioctl(descriptor, termios.TIOCMBIC, struct.pack("i", LOOP))

    def test_breaks_go_both_ways(self):
        server = Served(self, OTHER, "--protocol", "rfc2217")
        machine = Machine()
        self.addCleanup(machine.close)
        with server.client() as other:
            other.break_condition = True
            self.wait_for(lambda: register(LINE_CONTROL) & 0x40, "the UART to hold the line in a break")
            other.break_condition = False
            self.wait_for(lambda: not register(LINE_CONTROL) & 0x40, "the break to end")
            states = self.line_states(other)
            machine("chardev-send-break", id="uart1")
            self.wait_for(lambda: any(state & 0x10 for state in states), "word of a break from the far end")

    def line_states(self, client):
        """Every line state that the server tells of from now on (NOTIFY-LINESTATE of RFC 2217)."""
        client.rfc2217_send_subnegotiation(serial.rfc2217.SET_LINESTATE_MASK, b"\xff")
        states, original = [], client._telnet_process_subnegotiation

        def process(suboption):
            if suboption[0:1] == serial.rfc2217.COM_PORT_OPTION and suboption[1:2] == serial.rfc2217.SERVER_NOTIFY_LINESTATE:
                states.append(suboption[2])
            original(suboption)

        client._telnet_process_subnegotiation = process
        return states

    def test_a_stopped_line_holds_the_bytes_and_lets_them_go(self):
        """Drain and back-pressure: what XOFF holds in the UART's driver is neither lost nor counted as gone."""
        server = Served(self, OTHER, "--protocol", "rfc2217", "--line", "flow=xonxoff")
        data = bytes(range(0x20, 0x7f)) * 20
        with serial.Serial(ONE, 9600, timeout=0.2) as one, server.client(xonxoff=True) as other:
            one.write(XOFF)
            one.flush()
            with opened(OTHER) as descriptor:
                other.write(data)
                self.wait_for(lambda: waiting(descriptor) > 0, "bytes to wait in the kernel")
                got = one.read(len(data))  # what the UART had begun with; until nothing comes for a while
                self.assertLess(len(got), len(data))
                self.assertEqual(one.read(1), b"")
                one.write(XON)
                deadline = time.monotonic() + 30 * harness.PATIENCE
                while len(got) < len(data) and time.monotonic() < deadline:
                    got += one.read(len(data) - len(got))
                self.assertEqual(got, data)
                self.wait_for(lambda: waiting(descriptor) == 0, "the kernel to have sent all")

    def test_the_server_waits_for_a_device_that_goes(self):
        server = Served(self, OTHER, "--protocol", "rfc2217")
        driver = os.path.realpath("/sys/class/tty/ttyS1/device/driver")
        device = os.path.basename(os.path.realpath("/sys/class/tty/ttyS1/device"))
        with server.client(baudrate=19200) as other:
            write(os.path.join(driver, "unbind"), device)
            self.wait_for(lambda: not other.cd, "word that the carrier is gone")
            write(os.path.join(driver, "bind"), device)
            self.wait_for(lambda: other.cd, "word that the carrier is back")
            with serial.Serial(ONE, 19200, timeout=0.2) as one:
                exchanged(self, one, other, 2048)
            with opened(OTHER) as descriptor:
                self.assertEqual(termios.tcgetattr(descriptor)[4], termios.B19200, "set as it was")


def write_loop(on):
    with opened(OTHER) as descriptor:
        fcntl.ioctl(descriptor, termios.TIOCMBIS if on else termios.TIOCMBIC, struct.pack("i", LOOP))


def waiting(descriptor):
    """Bytes that the kernel's driver has not sent yet."""
    return struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0"))[0]


class Adopted(PortsCase, LabCase):
    """In a realm that is not the machine's."""

    def test_adopted_and_released(self):
        self.tool("opendext", "start")
        self.assertEqual(self.ports(), {}, "hardware belongs to the system's realm")
        self.assertEqual(self.tool("opendext", "serial", "adopt", OTHER).strip(), "ttyS1")
        self.assertEqual(self.ports()["ttyS1"]["callout"], OTHER)
        self.assertEqual(self.tool("opendext", "serial", "adopt", ONE, "--name", "console").strip(), "console")
        with serial.Serial(ONE, 9600, timeout=0.2) as one, serial.Serial(self.ports()["ttyS1"]["callout"], 9600, timeout=0.2) as other:
            exchanged(self, one, other, 1024)
        self.tool("opendext", "serial", "release", "ttyS1")
        self.assertEqual(list(self.ports()), ["console"])

    def test_places_without_hardware_are_refused(self):
        self.assertIn("ttyS3", self.refused("opendext", "serial", "adopt", "/dev/ttyS3"))
        self.assertIn("/dev/tty1", self.refused("opendext", "serial", "adopt", "/dev/tty1"))


class AdoptedByUser(PortsCase, LabCase):
    ordinary_user = True

    def test_only_who_may_write_to_it(self):
        self.assertIn(f"no rights for {OTHER}", self.refused("opendext", "serial", "adopt", OTHER))
        os.chown(OTHER, ORDINARY, -1)
        self.addCleanup(os.chown, OTHER, 0, -1)
        self.assertEqual(self.tool("opendext", "serial", "adopt", OTHER).strip(), "ttyS1")


class UsbAdapter(PortsCase, SystemCase):
    PORT = "usbserial-LAB42"

    def setUp(self):
        super().setUp()
        self.device = next(folder for folder in glob.glob("/sys/bus/usb/devices/*")
                           if os.path.exists(folder + "/serial") and read(folder + "/serial") == "LAB42")
        self.addCleanup(self.plug, True)

    def plug(self, wanted):
        """QEMU's own unplugging does not let go of the far end. For the drivers this is the same."""
        write(self.device + "/authorized", int(wanted))

    def test_plugged_in_and_out(self):
        self.tool("opendext", "start")
        port = self.wait_for_port(self.PORT)
        self.assertEqual((port["driver"], port["state"], port["callout"]), ("ftdi_sio", "ready", "/dev/ttyUSB0"))
        self.assertEqual((port["usb"]["vendor_id"], port["usb"]["product_id"], port["usb"]["serial"]), (0x0403, 0x6001, "LAB42"))
        device = next(each for each in self.services("IOUSBHostDevice"))
        self.assertEqual((device["properties"]["idVendor"], device["properties"]["kUSBSerialNumberString"]), (0x0403, "LAB42"))
        with serial.Serial("/dev/ttyS2", 115200, timeout=0.2) as far, serial.Serial(port["callout"], 115200, timeout=0.2) as near:
            exchanged(self, far, near, 4096)
        for _ in range(2):
            self.plug(False)
            self.wait_for(lambda: self.PORT not in self.ports(), "the port to go")
            self.assertEqual(self.services("IOUSBHostDevice"), [])
            self.plug(True)
            self.wait_for_port(self.PORT)

    def test_served_across_an_unplugging_under_another_node(self):
        self.tool("opendext", "start")
        self.wait_for_port(self.PORT)
        server = Served(self, self.PORT, "--protocol", "rfc2217")
        with server.client(baudrate=57600) as client:
            with serial.Serial("/dev/ttyS2", 57600, timeout=0.2) as far:
                exchanged(self, far, client, 1024)
            self.plug(False)
            self.wait_for(lambda: not client.cd, "word that the carrier is gone")
            self.wait_for(lambda: self.PORT not in self.ports(), "the port to go")
            self.plug(True)
            self.wait_for_port(self.PORT)
            with serial.Serial("/dev/ttyS2", 57600, timeout=0.2) as far:
                self.wait_for(lambda: far.write(b"?") and client.read(1) == b"?", "bytes to pass again")
                client.reset_input_buffer()
                exchanged(self, far, client, 1024)

    def test_a_program_that_has_it_open_hears_of_the_end(self):
        self.tool("opendext", "start")
        node = self.wait_for_port(self.PORT)["callout"]
        with opened(node) as descriptor:
            self.plug(False)

            def ended():
                try:
                    return os.read(descriptor, 1) == b""
                except BlockingIOError:
                    return False
                except OSError as error:
                    return error.errno in (errno.EIO, errno.ENODEV)

            self.wait_for(ended, "the end of the device")


if __name__ == "__main__":
    harness.main()
