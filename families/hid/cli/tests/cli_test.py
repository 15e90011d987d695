#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""opendext hid: simulated devices from the shell, what they do through drivers, programs and opendextd's death."""

import json
import os
import re
import signal
import subprocess
import sys
import unittest

import harness
import schema

sys.path.insert(0, os.path.join(harness.SOURCE, "families", "hid", "tests"))
import hid_case  # pylint: disable=wrong-import-position

PRESS_A, RELEASE = "00 00 04 00 00 00 00 00", "00 00 00 00 00 00 00 00"
MOUSE = """D: 0
R: 52 05 01 09 02 a1 01 09 01 a1 00 05 09 19 01 29 03 15 00 25 01 95 03 75 01 81 02 95 01 75 05 81 01 05 01 09 30 09 31 09 38 15 81 25 7f 75 08 95 03 81 06 c0 c0
N: A recorded mouse
I: 3 1209 0002
E: 000000.000000 4 00 05 fb 00
E: 000000.020000 4 01 00 00 00
E: 000000.040000 4 00 00 00 01
"""


class Recorder:
    """`opendext hid record` that has the device open."""

    def __init__(self, case, name, *options):
        self.process = subprocess.Popen([harness.program("opendext"), "hid", "record", name, *options],
                                        env=case.realm.environment(), stdout=subprocess.PIPE, text=True)
        self.head = [self.process.stdout.readline() for _ in range(4)]
        case.addCleanup(self.close)

    def next(self):
        """The next report's bytes."""
        return " ".join(self.process.stdout.readline().split()[3:])

    def rest(self):
        return [" ".join(line.split()[3:]) for line in self.process.stdout]

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60 * harness.PATIENCE)
        self.process.stdout.close()


class Case(hid_case.HidCase):
    def hid(self, *arguments):
        return self.tool("opendext", "hid", *arguments)

    def hid_refused(self, *arguments):
        return self.refused("opendext", "hid", *arguments)

    def plug(self, device, *options):  # pylint: disable=arguments-differ
        # Whatever becomes of the test: the realm's end unplugs it.
        return json.loads(self.hid("plug", device, "--json", *options))["name"]

    def listed(self):
        devices = json.loads(self.hid("ls", "--json"))
        self.assertEqual(schema.problems(devices, schema.read("opendext-hid")), [])
        return devices

    def names(self):
        return [device["name"] for device in self.listed()]

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb" if isinstance(text, bytes) else "w") as file:  # pylint: disable=unspecified-encoding
            file.write(text)
        return path


class SimulatedDevicesTest(Case):
    def test_each_model_is_plugged_listed_and_unplugged(self):
        models = {"keyboard": "Keyboard", "mouse": "Mouse", "gamepad": "Gamepad", "touchscreen": "Touch Screen",
                  "consumer": "Consumer Control"}
        for name in models:
            self.assertEqual(self.plug(name), name)
        found = {device["name"]: device for device in self.listed()}
        self.assertEqual({name: device["usages"][0]["name"] for name, device in found.items()}, models)
        self.assertTrue(all(device["played_by"] == "program" and device["pid"] > 0 for device in found.values()))
        self.assertRegex(self.hid("ls"), r"keyboard  0x\w+  f0de:0001  Keyboard  Virtual  played by program \d+")
        self.hid("unplug", "keyboard", "mouse")
        self.wait_for(lambda: sorted(self.names()) == ["consumer", "gamepad", "touchscreen"], "two devices to go")
        self.hid("unplug", "--all")
        self.wait_for(lambda: self.names() == [], "all devices to go")
        players = [device["pid"] for device in found.values()]
        self.wait_for(lambda: not any(map(harness.start_time, players)), "the end of the processes that played them")

    def test_names_and_properties_are_chosen(self):
        self.assertEqual(self.plug("mouse", "--name", "m", "--property", "VendorID=0x46d", "--property", "SerialNumber=42"), "m")
        self.assertEqual(self.plug("mouse", "--name", "m"), "m-2")
        first = next(device for device in self.listed() if device["name"] == "m")
        self.assertEqual((first["vendor_id"], first["serial"]), (0x46D, "42"))
        interface = self.services("IOHIDInterface")[0]["properties"]
        self.assertEqual((interface["VendorID"], interface["SerialNumber"]), (0x46D, "42"))
        self.assertEqual(interface["DeviceUsagePairs"][0], {"DeviceUsagePage": 1, "DeviceUsage": 2})

    def test_reports_reach_every_program_that_has_it_open(self):
        self.plug("keyboard")
        self.assertIn("nobody has keyboard open", self.realm.run("opendext", "hid", "send", "keyboard", PRESS_A).stderr)
        first, second = Recorder(self, "keyboard"), Recorder(self, "keyboard")
        self.assertEqual(first.head[2], "N: Simulated Keyboard\n")
        self.assertEqual(self.realm.run("opendext", "hid", "send", "keyboard", PRESS_A).stderr, "")
        self.hid("keys", "keyboard", "B", "--interval", "0")
        for recorder in (first, second):
            self.assertEqual([recorder.next() for _ in range(3)], [PRESS_A, "02 00 05 00 00 00 00 00", RELEASE])
        self.hid("unplug", "keyboard")
        self.assertEqual(first.rest(), [])
        self.assertEqual(first.process.wait(timeout=60 * harness.PATIENCE), 0)

    def test_a_recording_is_played_and_recorded_again(self):
        path = self.file("mouse.hid", MOUSE)
        self.plug(path)
        recorder = Recorder(self, "mouse", "--count", "3")
        self.assertEqual(self.hid("play", path, "mouse", "--fast"), "played 3 reports\n")
        self.assertEqual(recorder.rest(), ["00 05 fb 00", "01 00 00 00", "00 00 00 01"])
        self.hid("unplug", "mouse")
        again = self.file("again.hid", "".join(recorder.head) + "E: 000000.000000 4 01 02 03 04\n")
        self.assertEqual(self.hid("descriptor", again), self.hid("descriptor", path))

    def test_devices_stay_plugged_and_open_over_opendextds_death(self):
        self.plug("keyboard")
        recorder = Recorder(self, "keyboard")
        before = self.listed()
        daemon = json.loads(self.tool("opendext", "status", "--json"))["daemon_pid"]
        os.kill(daemon, signal.SIGKILL)
        self.wait_for(lambda: self.realm.run("opendext", "status").returncode == 0, "opendextd to come back")
        self.assertEqual(self.listed(), before)
        self.hid("send", "keyboard", PRESS_A)
        self.assertEqual(recorder.next(), PRESS_A)
        second = Recorder(self, "keyboard")
        self.hid("send", "keyboard", RELEASE)
        self.assertEqual((recorder.next(), second.next()), (RELEASE, RELEASE))
        self.hid("unplug", "keyboard")
        self.assertEqual(recorder.rest(), [])

    def test_a_device_whose_program_dies_is_gone(self):
        self.plug("mouse")
        os.kill(self.listed()[0]["pid"], signal.SIGKILL)
        self.wait_for(lambda: not self.services("IOHIDDevice") and not self.services("IOHIDInterface"), "the unplug")

    def test_devices_that_come_and_go_leave_nothing(self):
        cycles = int(os.environ.get("OPENDEXT_HID_CYCLES", "60"))
        self.realm.configure({"restart.spare-processes": "0"})  # no process comes up meanwhile
        daemon = json.loads(self.tool("opendext", "start") and self.tool("opendext", "status", "--json"))["daemon_pid"]

        def descriptors():
            return [len(os.listdir(f"/proc/{pid}/fd")) for pid in (daemon, self.realm.keeper_pid())]

        def cycle():
            self.plug("gamepad")
            self.hid("unplug", "gamepad")

        cycle()
        self.wait_for(lambda: not self.services("IOHIDDevice"), "the device to go")
        before = descriptors()
        for _ in range(cycles):
            cycle()
        self.wait_for(lambda: not self.services("IOHIDDevice") and descriptors() == before, "descriptors as before")


class DriversTest(Case):
    def setUp(self):
        super().setUp()
        self.tool("opendext", "install", hid_case.dext("PlainEvents"))

    def plug_for_driver(self):
        self.plug("keyboard", "--property", "VendorID=0x1209", "--property", "ProductID=2")
        self.wait_for(lambda: not self.realm.run("opendext", "hid", "send", "keyboard", RELEASE).stderr, "the driver to open it")

    def test_what_a_driver_makes_of_reports_is_traced(self):
        self.plug_for_driver()
        driver = self.listed()[0]["drivers"][0]
        self.assertEqual((driver["bundle_id"], driver["event_service"]), ("org.example.plainevents", True))
        self.hid("keys", "keyboard", "a")

        def events():
            lines = [json.loads(line) for line in self.hid("trace", "--json", "--stop").splitlines()]
            for line in lines:
                self.assertEqual(schema.problems(line, schema.read("opendext-hid-trace")), [])
            return [line for line in lines if line["kind"] == "event"]

        self.wait_for(lambda: len(events()) == 2, "two events")
        self.assertEqual([(event["event"], event["values"]["usage"], event["values"]["value"]) for event in events()],
                         [("keyboard", 4, 1), ("keyboard", 4, 0)])
        text = self.hid("trace", "keyboard", "--stop")
        self.assertRegex(text, r"input report 0: 00 00 04 00 00 00 00 00\n.*  element \d+  page 0x07 usage 0x04 = 1\n"
                               r".*    event keyboard page=7 usage=4 value=1")

    def test_a_recording_plugs_its_device_for_the_time_that_it_is_played(self):
        self.assertEqual(self.hid("play", self.file("mouse.hid", MOUSE)), "played 3 reports\n")
        self.wait_for(lambda: self.names() == [], "the device to go")

    def test_a_seized_device_gives_nothing_to_others(self):
        self.plug_for_driver()
        # A program that seizes it, until its standard input ends.
        holder = subprocess.Popen([sys.executable, "-B", "-c", SEIZE], env=self.realm.environment(), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.stdout.close)
        self.assertEqual(holder.stdout.readline(), "seized\n")
        self.assertRegex(self.hid_refused("record", "keyboard"), r"seized by .*pid \d+.*until it closes the device.*0xe00002c5")
        self.hid("send", "keyboard", PRESS_A)
        self.assertEqual(holder.stdout.readline(), "0000040000000000\n")
        holder.stdin.close()
        self.assertEqual(holder.wait(timeout=60 * harness.PATIENCE), 0)
        self.wait_for(lambda: self.realm.run("opendext", "hid", "record", "keyboard", "--time", "1").returncode == 0, "the device free")
        self.hid("send", "keyboard", RELEASE)
        self.hid("send", "keyboard", PRESS_A)
        self.wait_for(lambda: "usage=4 value=1" in self.hid("trace", "--stop"), "the driver to get reports again")
        self.assertEqual(self.hid("trace", "--stop").count("usage=4 value=1"), 1)


SEIZE = """
import os, sys
sys.path.insert(0, os.path.join(os.environ["OPENDEXT_PREFIX"], "lib", "python3", "dist-packages"))
import opendext, opendext.hid
device = opendext.hid.Device(opendext.service({"IOProviderClass": "IOHIDDevice"}))
device.open(seize=True)
print("seized", flush=True)
print(device.read(timeout=600).data.hex(), flush=True)
sys.stdin.read()
device.close()
"""


class BadInputTest(Case):
    def test_command_lines(self):
        for arguments, said in {
                ("plugg",): "did you mean plug",
                ("plug", "fridge"): "fridge is neither a file nor one of keyboard, mouse, gamepad, touchscreen, consumer",
                ("plug", "mouse", "--property", "x"): "--property x: give KEY=VALUE",
                ("plug", "mouse", "--requests", "maybe"): "--requests maybe: give answer, refuse or ignore",
                ("plug", "mouse", "--property", "VendorID=abc"): "property VendorID is a string, it has to be a number",
                ("plug",): "opendext hid plug --help",
                ("unplug",): "give a NAME, or --all",
                ("unplug", "nothing"): "there is no HID device nothing; the realm has none",
                ("send", "nothing", "00"): "there is no HID device nothing",
                ("send", "nothing", "0g"): 'BYTES: "0g" is no byte',
                ("record", "nothing"): "there is no HID device nothing",
                ("trace",): "no driver of the realm is a HID event service",
                ("descriptor", "nothing"): "nothing is no file either: there is no HID device nothing"}.items():
            with self.subTest(arguments=arguments):
                self.assertIn(said, self.hid_refused(*arguments))
        self.assertEqual(self.names(), [])

    def test_files(self):
        for name, content, said in (
                ("empty", "", "is empty"),
                ("line.hid", "N: x\nQ: 1\n", "line.hid:2: key Q: is none of"),
                ("length.hid", "R: 3 05 01\n", "length.hid:1: key R: says 3 bytes, 2 follow"),
                ("descriptor.hid", "R: 2 05 01\nE: x\n", "descriptor.hid:2: key E: wants a time"),
                ("bytes", b"\x05\x01\xa1", "is neither a recording of hid-tools nor a report descriptor"),
                ("huge", b"\xa1\x01\x75\x20\x97\xff\xff\xff\xff\x81\x02\xc0", "nor a report descriptor")):
            with self.subTest(file=name):
                self.assertIn(said, self.hid_refused("plug", self.file(name, content)))
        self.assertIn("there is no E: line", self.hid_refused("play", self.file("r.hid", MOUSE.split("E:", maxsplit=1)[0])))

    def test_reports_that_do_not_fit(self):
        self.plug("keyboard")
        self.assertIn("input report 0 of keyboard has 8 bytes, 2 were given", self.hid_refused("send", "keyboard", "00", "01"))
        self.assertIn("character 195 (byte 1 of the text)", self.hid_refused("keys", "keyboard", "ü"))
        self.plug("mouse")
        self.assertIn("lacks usage 4 of the Keyboard page", self.hid_refused("keys", "mouse", "a"))
        self.assertIn("there are: ", self.hid_refused("send", "m", "00"))

    def test_every_command_explains_itself(self):
        commands = re.findall(r"^  ([a-z]+) ", self.hid("--help").split("Commands:")[1], re.M)
        self.assertGreaterEqual(len(commands), 9)
        with open(os.path.join(harness.SOURCE, "docs", "man", "opendext-hid.1"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        for command in commands:
            text = self.hid(command, "--help")
            for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--help", "--version", "--realm"}:
                self.assertIn(option, page, command)


if __name__ == "__main__":
    unittest.main()
