# SPDX-License-Identifier: Apache-2.0
"""A kill of either side at every point of a call, and the state of the other side after each.

Points in the driver's own code hold whoever comes there (strain/StrainProtocol.h), and the test kills it with SIGKILL.
Points in the libraries are probes, at which a process dies by itself (probes.py)."""

import os
import signal
import time
import unittest

import harness
import probes
import strain_realm
from strain_realm import (AFTER_ASYNC, IN_CALL, IN_MEMORY, IN_NEW_USER_CLIENT, IN_OUTPUT, IN_READ, IN_START, IN_STOP,
                          NOT_RESPONDING, NOWHERE, SUCCESS, Use)

# Within this time whoever waits for the dead has been told, on an idle machine in much less.
TOLD = 20
# What the application does to come to each point of the driver, and what it has done before.
POINTS = {
    IN_NEW_USER_CLIENT: ("open 0", ()),
    IN_START: ("open 0", ()),
    IN_CALL: ("add", ("open 0",)),
    IN_OUTPUT: ("echo 100000", ("open 0",)),
    IN_MEMORY: ("map 0 0", ("open 0",)),
    IN_READ: ("read 10000", ("open 0",)),
    AFTER_ASYNC: ("stream 1000 1000000 3 0", ("open 0",)),
    IN_STOP: ("close", ("open 0",)),
}


# The probes of the libraries, and what the application does to come there, after it has opened the driver and made a call.
# The driver's side first; `channel_…` is in both libraries.
DRIVER_PROBES = {
    "driver_attach": "open 0", "driver_attached": "open 0", "driver_call": "add", "driver_answer": "add",
    "driver_completion": "stream 1000 1000000 3 0", "driver_detach": "close",
    "channel_taken": "add", "channel_done": "add", "channel_send": "add", "channel_filled": "add", "channel_published": "add",
    "channel_aside": "map 0 0", "channel_sleep": "add",
}
PROGRAM_PROBES = {
    "client_opened": "open 0", "client_mapped": "map 0 0", "client_memory": "read 10000", "client_output": "echo 100000",
    "client_completion": "stream 1000 1000000 3 0", "client_closed": "close",
    "channel_send": "add", "channel_filled": "add", "channel_published": "add", "channel_sleep": "spin 300000",
    "channel_taken": "add", "channel_done": "add", "channel_aside": "read 10000", "channel_close": "close",
}
# With these the answer may have reached the program before the driver died, or what it wanted has come about.
MAY_SUCCEED = ("driver_detach", "driver_completion", "channel_published", "channel_sleep", "channel_done", "driver_attach", "driver_attached")


class Survivors(strain_realm.StrainCase):
    """An observer with a connection and a mapping of its own, and what has to hold for it once somebody was killed."""

    realm_settings = harness.KILLED_OFTEN

    @classmethod
    def setUpClass(cls):
        if cls is Survivors:
            raise unittest.SkipTest("only a base")
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.driver = self.wait_for_driver()
        self.observer = self.opened()
        self.observer.tell("map 0 0")
        self.observer.tell("stream 1000 2 1 0")  # the driver's thread for timers stays
        self.assertEqual(self.observer.numbers("stream-wait 30"), [2, 0])
        self.observer.tell("watch")
        self.observer.expect("published")

    def is_told(self, code, reason):
        self.assertEqual(code, NOT_RESPONDING, reason)
        self.assertRegex(reason, "driver (process )?(died|ended)", "told apart from an error of the driver")

    def told(self, program, order, timeout=TOLD):
        """The answer of an order whose driver has died: a reason that says so, and in time."""
        begin = time.monotonic()
        self.is_told(*program.result(order.split()[0], timeout))
        self.assertLess(time.monotonic() - begin, timeout * harness.PATIENCE)

    def driver_died(self):
        """What holds for everybody else once the driver has been killed."""
        observer = self.observer
        observer.order("add")
        self.told(observer, "add")
        self.assertTrue(observer.tell("touch").endswith("strain"), "what is mapped stays")
        observer.order("add")
        self.told(observer, "add")
        self.assertIsNotNone(observer.expect("terminated"))
        self.assertIsNotNone(observer.expect("published"), "the driver is started again")
        self.driver = self.wait_for_driver(other_than=self.driver)
        observer.tell("close")
        observer.tell("open 0")
        observer.tell("map 0 0")
        self.assertEqual(observer.events, [], "each notification comes once")

    def program_died(self, use):
        """What holds for the driver, which used `use` before, once the program has been killed."""
        self.wait_for_counts(self.observer, 1, "the program's user client to be stopped and freed")
        self.wait_for(lambda: Use(self.driver).files <= use.files and Use(self.driver).maps <= use.maps + 8,
                      f"the driver to let all of it go: {use}, now {Use(self.driver)}")
        self.observer.tell("add")


class Faults(Survivors):
    def hold(self, program, point, order):
        """The program gives an order and is held at a point of the driver."""
        held = sum(f"strain: held at {point}" in line for line in self.lines())
        self.observer.tell(f"reach {point}")
        program.order("& " + order)
        self.wait_for_line(f"strain: held at {point}", held + 1)

    def test_the_driver_is_killed_at_each_point_of_its_code(self):
        for point, (order, before) in POINTS.items():
            with self.subTest(point=point, order=order):
                program = self.start_program()
                for line in before:
                    program.tell(line)
                self.hold(program, point, order)
                os.kill(self.driver, signal.SIGKILL)
                if point == IN_STOP:
                    program.result("close", TOLD)  # what it wanted has come about
                else:
                    self.told(program, order)
                self.driver_died()
                if before and point != IN_STOP:
                    program.tell("close")
                program.tell("open 0")
                program.tell("add")
                program.end()
                self.wait_for_counts(self.observer, 1, "the program's user client to be freed")

    def test_the_program_is_killed_at_each_point_of_the_drivers_code(self):
        for point, (order, before) in POINTS.items():
            with self.subTest(point=point, order=order):
                use = Use(self.driver)
                program = self.start_program()
                for line in before:
                    program.tell(line)
                self.hold(program, point, order)
                program.kill()
                if point != IN_NEW_USER_CLIENT and point != IN_START and point != IN_STOP:
                    self.assertEqual(self.observer.ask("add"), (SUCCESS, "42"), "others go on while the driver is held")
                self.observer.tell(f"reach {NOWHERE}")
                program.end()
                self.program_died(use)
        self.assertEqual(self.wait_for_driver(), self.driver)
        self.assertEqual(self.observer.events, [], "nobody was told of a driver that lives")

    def test_the_other_side_sleeps_or_computes(self):
        program = self.opened()
        program.order("& spin 500000")
        program.order("& spin 500000")
        program.kill()
        self.wait_for_counts(self.observer, 1, "the user client of a program that died during a long call to be freed")
        program = self.opened()
        program.order("& spin 60000000")
        self.wait_for(lambda: self.computes(self.driver), "the driver to compute")
        os.kill(self.driver, signal.SIGKILL)
        self.told(program, "spin")
        self.driver_died()

    @staticmethod
    def states(pid):
        """The state of each thread of the process."""
        states = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace") as file:
                states.append(file.read().rsplit(")", 1)[1].split()[0])
        return states

    def computes(self, pid):
        return "R" in self.states(pid)

    def sleeping(self, pid):
        """How many threads sleep; an error as long as one does not."""
        states = self.states(pid)
        self.assertEqual(set(states), {"S"})
        return len(states)

    def test_a_call_of_a_stopped_driver_ends_when_another_thread_closes(self):
        program = self.opened()
        os.kill(self.driver, signal.SIGSTOP)
        self.addCleanup(lambda: os.kill(self.driver, signal.SIGCONT))
        threads = self.wait_for(lambda: self.sleeping(program.pid), "the program to be idle")
        program.order("& add")
        program.order("& echo 100000")
        self.wait_for(lambda: self.sleeping(program.pid) == threads + 2, "both calls to wait")
        self.assertEqual(program.events, [])
        begin = time.monotonic()
        program.order("& close")
        for order in ("add", "echo"):
            code, reason = program.result(order, TOLD)
            self.assertNotEqual(code, SUCCESS)
            self.assertIn("closed", reason)
        self.assertLess(time.monotonic() - begin, TOLD * harness.PATIENCE)
        os.kill(self.driver, signal.SIGCONT)
        self.assertEqual(program.result("close", 60)[0], SUCCESS)
        self.wait_for_counts(self.observer, 1, "the user client to be freed")
        program.tell("open 0")
        program.tell("add")


class Probes(Survivors):
    """Either library is a copy of its own here, in which the probes can be armed."""

    def start_realm(self):
        library = os.path.join(harness.PREFIX, "lib")
        self.of_driver = probes.Library(os.path.join(library, "libDriverKit.so.0"), os.path.join(self.folder, "driver"))
        self.of_program = probes.Library(os.path.join(library, "libIOKit.so.0"), os.path.join(self.folder, "program"))
        self.tool("opendext-keeper", "--runtime", self.of_driver.path)

    def test_the_driver_dies_at_each_probe(self):
        for probe, order in DRIVER_PROBES.items():
            with self.subTest(probe=probe, order=order):
                program = self.start_program()
                if not order.startswith("open"):
                    program.tell("open 0")
                    program.tell("add")
                self.of_driver.arm(probe)
                program.order(order)
                self.wait_for(lambda: harness.start_time(self.driver) is None, f"the driver to die at {probe}", 60)
                self.of_driver.disarm(probe)
                name = order.split()[0]
                code, reason = program.result(name, TOLD)
                if code != SUCCESS or probe not in MAY_SUCCEED:
                    self.is_told(code, reason)
                if name != "close":
                    program.order("add")
                    code, reason = program.result("add", TOLD)
                    if name == "open":
                        self.assertNotEqual(code, SUCCESS)
                    else:
                        self.is_told(code, reason)
                self.driver_died()
                program.ask("close")
                program.tell("open 0")
                program.tell("add")
                program.end()
                self.wait_for_counts(self.observer, 1, "the program's user client to be freed")

    def test_the_program_dies_at_each_probe(self):
        for probe, order in PROGRAM_PROBES.items():
            with self.subTest(probe=probe, order=order):
                use = Use(self.driver)
                program = self.start_program(LD_LIBRARY_PATH=self.of_program.folder)
                if not order.startswith("open"):
                    program.tell("open 0")
                    program.tell("add")
                self.of_program.arm(probe)
                program.order(order)
                program.process.wait(60 * harness.PATIENCE)
                self.of_program.disarm(probe)
                self.assertEqual(program.process.returncode, -signal.SIGTRAP)
                self.observer.tell("add")
                self.program_died(use)
                program.end()
        self.assertEqual(self.wait_for_driver(), self.driver)
        self.assertEqual(self.observer.events, [], "nobody was told of a driver that lives")


if __name__ == "__main__":
    harness.main()
