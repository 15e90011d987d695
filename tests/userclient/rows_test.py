# SPDX-License-Identifier: Apache-2.0
"""How clients and drivers find each other and talk: a ring with a doorbell (A10), two drivers with each other (A22),
opening too early (A30), services that come and go fifty times (A37), and opening without an entitlement."""

import os
import plistlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest.mock

import harness
import strain_realm
from strain_realm import HERE, NOT_RESPONDING, SUCCESS, Use, compile_program

NOT_READY = 0xe00002d8
NOT_PERMITTED = 0xe00002e2
REPLUGS = 50


class Ring(strain_realm.StrainCase):
    """A10: the driver pushes data to a program through a ring; completions are its doorbell, calls say that there is room."""

    def test_all_records_come_in_order(self):
        program = self.opened()
        program.tell("ring 100000 1")
        self.assertEqual(program.numbers("ring-wait 120", 150)[:2], [100000, 0], "how many came, how many were wrong")

    def test_a_full_ring_holds_the_driver_back_and_loses_nothing(self):
        program, driver = self.opened(), self.wait_for_driver()
        before = Use(driver).rss
        program.tell("ring 50000 0")
        put = self.wait_for(lambda: program.numbers("ring-wait 0")[2], "the ring to be filled")
        self.assertLess(put, 16384 / 12, "no more than fits")
        for _ in range(10):
            program.tell("add")
        self.assertEqual(program.numbers("ring-wait 0"), [0, 0, put], "the driver waits for room")
        self.assertLess(Use(driver).rss - before, 8192)
        program.tell("ring-drain")
        self.assertEqual(program.numbers("ring-wait 120", 150)[:2], [50000, 0])

    def test_either_side_survives_the_death_of_the_other(self):
        program, other, driver = self.opened(), self.opened(), self.wait_for_driver()
        program.tell("ring 1000000000 1")
        self.wait_for(lambda: program.numbers("ring-wait 0")[0] > 1000, "data to flow")
        program.kill()
        self.wait_for_counts(other, 1, "the user client of the dead program to be freed")
        other.tell("ring 1000 0")
        put = self.wait_for(lambda: other.numbers("ring-wait 0")[2], "the ring to be filled")
        os.kill(driver, signal.SIGKILL)
        self.wait_for_driver(other_than=driver)
        self.assertEqual(other.ask("ring-drain")[0], NOT_RESPONDING, "nobody can be told that there is room")
        self.assertEqual(other.numbers("ring-wait 0"), [put, 0, put], "what was in the ring is not lost")
        other.tell("close")
        other.tell("open 0")
        other.tell("ring 1000 1")
        self.assertEqual(other.numbers("ring-wait 120", 150)[:2], [1000, 0])


class Rows(harness.RealmCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-rows-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        cls.caller = os.path.join(cls.built, "caller")
        compile_program("caller.c", cls.caller)

    @classmethod
    def variant(cls, name, **properties):
        """A dext of this folder, with more properties in its personalities."""
        folder = os.path.join(cls.built, "-".join(["sources", *properties]), name)
        if not os.path.exists(folder):
            shutil.copytree(os.path.join(HERE, name), folder)
            path = os.path.join(folder, "Info.plist")
            with open(path, "rb") as file:
                info = plistlib.load(file)
            for personality in info["IOKitPersonalities"].values():
                personality.update(properties)
            with open(path, "wb") as file:
                plistlib.dump(info, file)
            harness.build_dext(folder, os.path.dirname(folder), "org.example." + name)
        return os.path.join(os.path.dirname(folder), name.capitalize() + ".dext")

    def call(self, *arguments):
        """What the caller printed: what it did last, its code, and the rest."""
        result = subprocess.run([self.caller, *map(str, arguments)], env=self.realm.environment(), text=True, capture_output=True,
                                timeout=60 * harness.PATIENCE, check=False)
        match = re.fullmatch(r"(\w+) (0x[0-9a-f]+) ?(.*)\n", result.stdout)
        self.assertIsNotNone(match, (result.returncode, result.stdout, result.stderr))
        return match.group(1), int(match.group(2), 0), match.group(3)

    def numbers(self, *arguments):
        step, code, text = self.call(*arguments)
        self.assertEqual((step, code), ("call", SUCCESS), text)
        return [int(word) for word in text.split()]

    def process_of(self, name):
        return self.wait_for(lambda: [each["pid"] for each in self.services(name) if each["pid"]], f"{name} to be up")[0]

    def talk(self):
        """Each side tells the other something, and gets its answer."""
        tell, heard = 0, 1
        self.assertEqual(self.numbers("pair-control", tell, 100)[0], 101, "the device adds how often it was told")
        self.assertEqual(self.numbers("pair-control", tell, 200)[0], 202)
        self.assertEqual(self.numbers("pair-device", heard), [200, 2])
        self.assertEqual(self.numbers("pair-device", tell, 7)[0], 7, "the control object multiplies by how often it was told")
        self.assertEqual(self.numbers("pair-device", tell, 8)[0], 16)
        self.assertEqual(self.numbers("pair-control", heard), [8, 2])

    def test_two_drivers_in_two_processes_talk_through_the_nub(self):
        self.tool("opendext", "install", self.variant("pair"))
        device, control = self.process_of("pair-device"), self.process_of("pair-control")
        self.assertNotEqual(device, control, "each instance has a process")
        self.talk()
        self.assertEqual(self.numbers("pair-device", 2)[0], 0, "the nub lives elsewhere")
        # The device dies: the control object is told so by its next call, and the next device talks to it again.
        os.kill(device, signal.SIGKILL)
        self.wait_for(lambda: self.process_of("pair-device") not in (device, 0), "the device to be started again")
        self.wait_for(lambda: self.numbers("pair-control", 0, 5)[0] == 6, "the new device to listen")
        self.assertEqual(self.process_of("pair-control"), control, "the control object goes on")

    def test_two_drivers_share_a_process_if_their_personalities_say_so(self):
        self.tool("opendext", "install", self.variant("pair", IOUserServerOneProcess=True))
        self.assertEqual(self.process_of("pair-device"), self.process_of("pair-control"), "IOUserServerOneProcess")
        self.talk()
        self.assertEqual(self.numbers("pair-device", 2)[0], 1, "the provider is the nub itself")

    def test_each_replug_is_told_once(self):
        self.tool("opendext", "install", self.variant("pair", IOUserServerOneProcess=True))
        self.process_of("pair-device")
        watcher = subprocess.Popen([self.caller, "watch", "pair-device"], env=self.realm.environment(), text=True, stdout=subprocess.PIPE)
        collected = []


        def collect():
            for line in watcher.stdout:
                collected.append(line.strip())
        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        self.addCleanup(watcher.kill)
        self.wait_for(lambda: len(collected) == 2, "the watcher to watch")
        for number in range(REPLUGS):
            self.numbers("pair-control", 3)
            wanted = 2 + 2 * (number + 1)
            self.wait_for(lambda: len(collected) >= wanted, f"both notifications of replug {number + 1}: {collected}")
        self.numbers("pair-control", 1)
        watcher.kill()
        watcher.wait()
        thread.join()
        watcher.stdout.close()
        self.assertEqual(collected.pop(1), "watching")
        words = [line.split()[0] for line in collected]
        self.assertEqual(words, ["published"] + ["terminated", "published"] * REPLUGS, "once each, in this order")
        ids = [line.split()[1] for line in collected]
        self.assertEqual(ids[0::2][:-1], ids[1::2], "what goes is what came")
        self.assertEqual(len(set(ids)), REPLUGS + 1, "an id is never used again")

    def is_refused_as(self, state):
        self.wait_for(lambda: [each for each in self.services("late") if each["state"].startswith(state)], f"the driver to be {state}")
        step, code, reason = self.call("late", "open")
        self.assertEqual((step, code), ("open", NOT_READY), reason)
        self.assertIn("RegisterService", reason)
        self.assertIn(state, reason)
        self.logged("late", reason)

    def test_opening_before_register_service_is_refused_with_the_reason(self):
        self.tool("opendext", "install", self.variant("late"))
        self.is_refused_as("started")
        self.assertEqual(self.call("late", "set", "LateRegister")[:2], ("set", SUCCESS))
        self.wait_for(lambda: self.call("late", "open")[:2] == ("open", SUCCESS), "the driver to be opened")

    def test_opening_during_start_is_refused_and_does_not_wait_for_it(self):
        self.tool("opendext", "start")
        install = subprocess.Popen([harness.program("opendext"), "install", self.variant("late", LateHold=True)],
                                   env=self.realm.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(install.wait)
        # Start never ends: the end of the realm would wait for its deadline.
        self.addCleanup(lambda: os.kill(self.realm.keeper_pid(), signal.SIGKILL))
        self.is_refused_as("starting")

    def logged(self, name, reason):
        """The refusal stands in the log, where both who looks for the program and who looks for the driver find it."""
        lines = [line for line in self.realm.log() if reason in line["message"] and f"IOServiceOpen of {name} is refused" in line["message"]]
        self.assertTrue(lines, f"{reason!r} is not in the log")
        self.assertEqual((lines[-1]["process"], lines[-1]["bundle"], lines[-1]["level"]), ("caller", "org.example.late", "error"))

    def test_opening_without_the_entitlement_is_refused_with_the_reason(self):
        with unittest.mock.patch.dict(os.environ, OPENDEXT_POLICY="strict"):
            self.tool("opendext", "start")
        self.tool("opendext", "install", self.variant("late"))
        self.process_of("late")
        self.wait_for(lambda: self.call("late", "set", "LateRegister")[1] == SUCCESS, "the driver to call RegisterService")
        step, code, reason = self.wait_for(lambda: (answer := self.call("late", "open"))[1] != NOT_READY and answer, "it to be registered")
        self.assertEqual((step, code), ("open", NOT_PERMITTED), reason)
        self.assertIn("userclient-access", reason)
        self.assertIn("org.example.late", reason)
        self.logged("late", reason)
        self.wait_for(lambda: not self.services("late")[0].get("children"), "the refused user client to be gone")
        # The administrator grants it to the programs of this user.
        folder = os.path.join(self.realm.root, "programs")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "caller.plist"), "wb") as file:
            plistlib.dump({"User": os.getuid(),
                           "Entitlements": {"com.apple.developer.driverkit.userclient-access": ["org.example.late"]}}, file)
        self.assertEqual(self.call("late", "open")[:2], ("open", SUCCESS))


if __name__ == "__main__":
    harness.main()
