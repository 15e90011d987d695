# SPDX-License-Identifier: Apache-2.0
"""Ttys that exist, as serial ports of the realm: adopted by request, appearing by themselves, listed, told of once each."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import unittest

import harness
import schema
import sources

SOURCE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = 50


class Pty:
    """A pseudo-terminal: what a program offers as a device until it closes its side."""

    def __init__(self):
        self.master, terminal = os.openpty()
        self.path = os.ttyname(terminal)
        os.close(terminal)

    def close(self):
        if self.master >= 0:
            os.close(self.master)
        self.master = -1


class Watcher:
    """port_watcher.c, which hears of arrivals and departures; its lines as they come."""

    def __init__(self, case):
        program = os.path.join(case.folder, "port_watcher")
        library = os.path.join(harness.PREFIX, "lib")
        subprocess.run(["clang-19", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-isystem", sources.client_headers(),
                        "-isystem", os.path.join(harness.SOURCE, "families", "serial", "client", "include"),
                        os.path.join(SOURCE, "port_watcher.c"), "-o", program, "-L" + library, "-l:libIOKit.so.0",
                        "-Wl,-rpath," + library], check=True)
        self.lines = []
        self.process = subprocess.Popen([program], env=case.realm.environment(), text=True, stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()
        case.addCleanup(self.end)
        case.wait_for(lambda: "watching" in self.lines, "the watcher")
        self.lines.remove("watching")

    def _collect(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def count(self, start):
        return sum(line.startswith(start) for line in self.lines)

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class FakeHardware:
    """Folders that look like /dev and /sys; the serial family looks there with OPENDEXT_SERIAL_SCAN. A node is a link to a
    character device that is always there."""

    def __init__(self, folder):
        self.devices = os.path.join(folder, "fake-dev")
        self.sysfs = os.path.join(folder, "fake-sys")
        os.makedirs(self.devices)
        os.makedirs(os.path.join(self.sysfs, "class", "tty"))

    @property
    def scan(self):
        return f"{self.devices}:{self.sysfs}"

    @staticmethod
    def _attributes(folder, **values):
        os.makedirs(folder, exist_ok=True)
        for name, value in values.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(value + "\n")

    def plug(self, name, port, serial):
        device = os.path.join(self.sysfs, "devices", "usb1", f"1-{port}")
        interface = os.path.join(device, f"1-{port}:1.0")
        self._attributes(device, idVendor="0403", idProduct="6001", busnum="1", devpath=str(port), serial=serial,
                         manufacturer="FTDI", product="FT232R USB UART", bNumInterfaces=" 1", bConfigurationValue="1")
        self._attributes(interface, bInterfaceNumber="00", bInterfaceClass="ff")
        for folder, driver in ((device, "usb"), (interface, "ftdi_sio")):
            with contextlib.suppress(FileExistsError):
                os.symlink("../drivers/" + driver, os.path.join(folder, "driver"))
        entry = os.path.join(self.sysfs, "class", "tty", name)
        os.makedirs(entry, exist_ok=True)
        os.symlink(interface, os.path.join(entry, "device"))
        os.symlink("/dev/null", os.path.join(self.devices, name))

    def unplug(self, name):
        os.unlink(os.path.join(self.devices, name))
        os.unlink(os.path.join(self.sysfs, "class", "tty", name, "device"))


class AdoptionCase(harness.RealmCase):
    def pty(self):
        pty = Pty()
        self.addCleanup(pty.close)
        return pty

    def adopt(self, *arguments):
        return self.tool("opendext", "serial", "adopt", *arguments).strip()

    def ports(self):
        ports = json.loads(self.tool("opendext", "serial", "ports", "--json"))
        self.assertEqual(schema.problems(ports, schema.read("opendext-ports")), [])
        return {port["name"]: port for port in ports}


class Adopt(AdoptionCase):
    # Facts: IOServiceGetMatchingServices
    def test_a_pty_becomes_a_port_with_the_usual_keys(self):
        pty = self.pty()
        self.assertEqual(self.adopt(pty.path), "pts" + pty.path.removeprefix("/dev/pts/"))
        port, = self.ports().values()
        self.assertEqual((port["callout"], port["dialin"], port["backend"]), (pty.path, pty.path, "adopted pty"))
        self.assertEqual((port["state"], port["used_by"], port["usb"]), ("ready", [], None))
        # Only root can look into every process.
        self.assertIn(port["in_use"], [False] if os.geteuid() == 0 else [False, None])
        node, = self.services("IOSerialBSDClient")
        self.assertEqual(node["properties"]["IOTTYDevice"], port["name"])
        self.assertEqual(node["properties"]["IOTTYBaseName"] + node["properties"]["IOTTYSuffix"], port["name"])
        self.assertEqual(node["properties"]["IOSerialBSDClientType"], "IORS232SerialStream")
        # It is the device itself: what is written to it comes out at the other side.
        with open(port["callout"], "wb", buffering=0) as device:
            used = self.ports()[port["name"]]
            self.assertTrue(used["in_use"])
            self.assertIn(os.getpid(), [user["pid"] for user in used["used_by"]])
            device.write(b"straight\n")
        self.assertEqual(os.read(pty.master, 64), b"straight\r\n")

    def test_the_port_goes_with_the_device_and_with_release(self):
        pty = self.pty()
        self.assertEqual(self.adopt(pty.path, "--name", "bench"), "bench")
        self.assertEqual(list(self.ports()), ["bench"])
        pty.close()
        self.wait_for(lambda: self.ports() == {}, "the port to go with its device")
        other = self.pty()
        self.adopt(other.path, "--name", "bench")
        self.tool("opendext", "serial", "release", "bench")
        self.assertEqual(self.ports(), {})
        self.adopt(other.path, "--name", "bench")
        self.tool("opendext", "serial", "release", other.path)
        self.assertEqual(self.ports(), {})

    def test_a_link_gives_its_name_to_a_pty(self):
        pty = self.pty()
        link = os.path.join(self.folder, "vmodem0")
        os.symlink(pty.path, link)
        self.assertEqual(self.adopt(link), "vmodem0")
        self.tool("opendext", "serial", "release", link)

    def test_adopted_and_virtual_ports_stand_in_one_list(self):
        pty = self.pty()
        self.adopt(pty.path, "--name", "adopted")
        self.tool("opendext", "serial", "add", "virtual", "--listen", "127.0.0.1:0")
        self.assertEqual(list(self.ports()), ["adopted", "virtual"])
        self.assertEqual(json.loads(self.tool("opendext", "ports", "--json")), list(self.ports().values()))
        virtual = self.ports()["virtual"]
        message = self.refused("opendext", "serial", "adopt", os.path.realpath(virtual["callout"]))
        self.assertIn("the terminal of port virtual", message)
        self.assertIn("belongs to org.opendext.SerialOverTCP", self.refused("opendext", "serial", "release", "virtual"))
        self.assertIn("virtual is taken", self.refused("opendext", "serial", "adopt", self.pty().path, "--name", "virtual"))
        self.assertEqual(list(self.ports()), ["adopted", "virtual"])

    def test_python_lists_the_same_ports(self):
        self.adopt(self.pty().path, "--name", "adopted")
        self.tool("opendext", "serial", "add", "virtual", "--listen", "127.0.0.1:0")
        packages = os.path.join(harness.PREFIX, "lib", "python3", "dist-packages")
        script = "import opendext.serial as s\nfor p in s.ports(): print(p.name, p.device, p.dialin, p.type, p.backend, p.driver, p.usb)"
        result = subprocess.run(["/usr/bin/python3", "-c", script], env=self.realm.environment(PYTHONPATH=packages), text=True,
                                capture_output=True, timeout=60 * harness.PATIENCE, check=True)
        expected = [" ".join((port["name"], port["callout"], port["dialin"], port["type"], port["backend"],
                              port["bundle_id"] or port["driver"], str(port["usb"]))) for port in self.ports().values()]
        self.assertEqual(result.stdout.splitlines(), expected)
        self.assertEqual(len(expected), 2)

    def test_bad_input_names_device_and_fix(self):
        pty = self.pty()
        self.adopt(pty.path, "--name", "taken")
        plain = os.path.join(self.folder, "plain")
        with open(plain, "w", encoding="utf-8"):
            pass
        for arguments, words in [
                (("adopt", "/dev/no-such-tty"), ("/dev/no-such-tty", "no device", "plug it in")),
                (("adopt", plain), (plain, "is a file")),
                (("adopt", self.folder), (self.folder, "is a folder")),
                (("adopt", "/dev/null"), ("/dev/null", "no serial device")),
                (("adopt", pty.path), (pty.path, "adopted already, as taken", "release taken")),
                (("adopt", self.pty().path, "--name", "taken"), ("taken", "choose another with --name")),
                (("adopt", self.pty().path, "--name", "a/b"), ("a/b", "not allowed")),
                (("adopt",), ("DEVICE",)),
                (("release", "nobody"), ("nobody", "no adopted device")),
                (("release",), ("NAME",)),
        ]:
            with self.subTest(arguments=arguments):
                message = self.refused("opendext", "serial", *arguments)
                for word in words:
                    self.assertIn(word, message)
                self.assertEqual(list(self.ports()), ["taken"])

    @unittest.skipUnless(os.geteuid() == 0, "another user's device needs root to make")
    def test_without_rights_the_message_names_the_group(self):
        pty = self.pty()
        os.chown(pty.path, 0, 20)
        os.chmod(pty.path, 0o660)
        os.chmod(self.folder, 0o755)
        program = harness.program("opendext-serial-adopt")
        result = subprocess.run([program, pty.path, "--realm", os.path.join(self.folder, "other")], user=65534, group=65534,
                                extra_groups=[], text=True, capture_output=True, timeout=60, check=False)
        if result.returncode == 126 or "Permission denied" in result.stderr:
            self.skipTest("this build tree cannot be read by other users")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"no rights for {pty.path}: it belongs to group dialout", result.stderr)
        self.assertIn("usermod -aG dialout", result.stderr)

    def test_adopted_ports_outlive_opendextd(self):
        pty, gone = self.pty(), self.pty()
        self.adopt(pty.path, "--name", "kept")
        self.adopt(gone.path, "--name", "gone")
        daemon = json.loads(self.tool("opendext", "status", "--json"))["daemon_pid"]
        os.kill(daemon, signal.SIGSTOP)
        gone.close()
        os.kill(daemon, signal.SIGKILL)
        self.wait_for(lambda: list(self.ports()) == ["kept"], "the adopted port to be back, and only that")

    # Facts: IOServiceAddMatchingNotification, IOServiceMatching, IOIteratorNext
    def test_each_arrival_and_departure_is_told_once(self):
        self.tool("opendext", "start")
        watcher = Watcher(self)
        for number in range(ROUNDS):
            pty = self.pty()
            self.adopt(pty.path, "--name", f"port{number}")
            if number % 2:
                pty.close()
            else:
                self.tool("opendext", "serial", "release", f"port{number}")
            self.wait_for(lambda n=number: f"went port{n}" in watcher.lines, f"the departure of port{number}")
            pty.close()
        self.tool("opendext", "serial", "add", "virtual", "--listen", "127.0.0.1:0")
        self.wait_for(lambda: watcher.count("came virtual "), "the arrival of a virtual port")
        self.tool("opendext", "serial", "rm", "virtual")
        self.wait_for(lambda: "went virtual" in watcher.lines, "its departure")
        names = [f"port{number}" for number in range(ROUNDS)] + ["virtual"]
        self.assertEqual([watcher.count(f"came {name} ") for name in names], [1] * len(names))
        self.assertEqual([watcher.lines.count(f"went {name}") for name in names], [1] * len(names))
        self.assertEqual(len(watcher.lines), 2 * len(names), watcher.lines)


class Appear(AdoptionCase):
    def setUp(self):
        super().setUp()
        self.hardware = FakeHardware(self.folder)
        before = os.environ.get("OPENDEXT_SERIAL_SCAN")
        os.environ["OPENDEXT_SERIAL_SCAN"] = self.hardware.scan
        self.addCleanup(os.environ.pop, "OPENDEXT_SERIAL_SCAN", None)
        if before is not None:
            self.addCleanup(os.environ.update, OPENDEXT_SERIAL_SCAN=before)

    def test_hardware_appears_with_its_identity_and_keeps_its_name(self):
        self.hardware.plug("ttyUSB0", 1, "A5XK3RJT")
        self.tool("opendext", "start")
        self.wait_for(lambda: list(self.ports()) == ["usbserial-A5XK3RJT"], "the port that was there before")
        port = self.ports()["usbserial-A5XK3RJT"]
        self.assertEqual(port["callout"], os.path.join(self.hardware.devices, "ttyUSB0"))
        self.assertEqual((port["backend"], port["driver"]), ("tty", "ftdi_sio"))
        self.assertEqual(port["usb"], {"vendor_id": 0x0403, "product_id": 0x6001, "interface": 0, "location": 0x01100000,
                                       "vendor": "FTDI", "product": "FT232R USB UART", "serial": "A5XK3RJT"})
        self.assertIn("FTDI  FT232R USB UART  A5XK3RJT", self.tool("opendext", "serial", "ports"))
        self.hardware.unplug("ttyUSB0")
        self.wait_for(lambda: self.ports() == {}, "the port to go")
        self.hardware.plug("ttyUSB7", 1, "A5XK3RJT")
        self.wait_for(lambda: list(self.ports()) == ["usbserial-A5XK3RJT"], "the same name again")
        self.assertEqual(self.ports()["usbserial-A5XK3RJT"]["callout"], os.path.join(self.hardware.devices, "ttyUSB7"))
        # A driver never gets what the kernel has a driver for.
        self.assertEqual(self.services("IOUSBHostDevice")[0]["properties"]["idVendor"], 0x0403)
        self.tool("opendext", "serial", "release", "usbserial-A5XK3RJT")
        self.assertEqual(self.ports(), {})

    # Facts: IOServiceAddMatchingNotification, IORegistryEntryGetParentEntry, IOObjectConformsTo
    def test_each_plugging_in_and_out_is_told_once(self):
        self.tool("opendext", "start")
        watcher = Watcher(self)
        path = os.path.join(self.hardware.devices, "ttyUSB0")
        for number in range(ROUNDS):
            self.hardware.plug("ttyUSB0", 1, f"S{number}")
            self.wait_for(lambda n=number: f"came usbserial-S{n} {path} {0x0403}" in watcher.lines, f"arrival {number}")
            self.hardware.unplug("ttyUSB0")
            self.wait_for(lambda n=number: f"went usbserial-S{n}" in watcher.lines, f"departure {number}")
        self.assertEqual(len(watcher.lines), 2 * ROUNDS, watcher.lines)
        self.assertEqual(len(set(watcher.lines)), 2 * ROUNDS)
        self.assertEqual(self.services("IOUSBHostDevice"), [])

    def test_what_this_machine_has_is_published_and_nothing_else(self):
        def attribute(name, key):
            try:
                with open(f"/sys/class/tty/{name}/{key}", encoding="utf-8") as file:
                    return file.read().strip()
            except OSError:
                return None
        expected = set()
        for name in os.listdir("/sys/class/tty") if os.path.isdir("/sys/class/tty") else []:
            if os.path.exists(f"/sys/class/tty/{name}/device") and os.path.exists(f"/dev/{name}"):
                driver = os.path.realpath(f"/sys/class/tty/{name}/device")
                phantom = attribute(name, "type") == "0" if attribute(name, "type") else "/serial8250/" in driver + "/"
                expected |= set() if phantom else {f"/dev/{name}"}
        os.environ["OPENDEXT_SERIAL_SCAN"] = "/dev:/sys"
        self.tool("opendext", "start")
        self.wait_for(lambda: {port["callout"] for port in self.ports().values()} == expected, f"the ports {expected}")
        for port in self.ports().values():
            allowed = os.access(port["callout"], os.R_OK | os.W_OK)
            self.assertIn("already" if allowed else "no rights for", self.refused("opendext", "serial", "adopt", port["callout"]))

    def test_a_realm_that_is_not_the_systems_leaves_hardware_alone(self):
        os.environ["OPENDEXT_SERIAL_SCAN"] = ""
        self.hardware.plug("ttyUSB0", 1, "X")
        self.tool("opendext", "start")
        self.assertEqual(self.ports(), {})


if __name__ == "__main__":
    harness.main()
