# SPDX-License-Identifier: Apache-2.0
"""opendextd is killed at every named point of its code (OPENDEXT_PROBE in daemon/), at the first passing and at later
ones, and again while it adopts. Each time it comes back, and all is as in a realm where nothing happened.

OPENDEXT_TEST_LONG=1: every point at several passings, and a second death while adopting; OPENDEXT_SEED=N repeats a run."""

import atexit
import collections
import contextlib
import functools
import glob
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile

import harness
from adoption_case import LONG, AdoptionCase, seed
import probes

BUNDLE = "org.example.strain"
# Where each point is passed. What is not here is not known to this test, which then fails.
OPENING = ("daemon_open", "daemon_create", "daemon_call", "daemon_open_answered", "daemon_attach", "daemon_attached")
CLOSING = ("daemon_close", "daemon_stop", "daemon_stop_returned", "daemon_super_stopped", "daemon_detached")
ALWAYS = ("daemon_record", "daemon_record_written", "daemon_recorded", "daemon_sent", "daemon_handled")
UNINSTALLING = ("daemon_replace", "daemon_client_lost", "daemon_stop", "daemon_detached", "daemon_exit", "daemon_exited",
                "daemon_process_gone", "daemon_uninstall", "daemon_uninstalled")
INSTALLING = ("daemon_install", "daemon_installed", "daemon_match", "daemon_match_start", "daemon_launch", "daemon_ask_keeper",
              "daemon_spawned", "daemon_keeper_answered", "daemon_checked_in", "daemon_loaded", "daemon_instantiate", "daemon_start",
              "daemon_start_returned", "daemon_started", "daemon_register", "daemon_matched", "daemon_notify")
CRASHING = ("daemon_client_lost", "daemon_exited", "daemon_process_gone", "daemon_match", "daemon_launch", "daemon_crash_report",
            "daemon_crash_written")
ADOPTING = ("daemon_inherit", "daemon_restore", "daemon_restore_processes", "daemon_resume", "daemon_resumed", "daemon_serving",
            "daemon_claim")
ENDING = ("daemon_end", "daemon_over")
# Passed only where a driver's request was taken and not answered, and when the ledger has grown to a megabyte.
RARE = ("daemon_repeat", "daemon_compacted")


@functools.cache
def trap():
    """The library that carries the orders out."""
    folder = tempfile.mkdtemp(prefix="opendext-trap-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = os.path.join(folder, "trap.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "trap.c")
    subprocess.run(["clang-19", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", source, "-o", library], check=True)
    return library


@functools.cache
def points():
    return probes.find(os.path.realpath(harness.program("opendextd")))


class Points(AdoptionCase):
    def setUp(self):
        self.random = random.Random(seed())
        self.orders = None
        super().setUp()

    def start_realm(self):
        self.orders = os.path.join(self.folder, "orders")
        with self.environment(LD_PRELOAD=trap(), OPENDEXT_TRAP=self.orders):
            self.start_keeper()

    @contextlib.contextmanager
    def environment(self, **more):
        """What the realm's keeper, and no tool, finds in its environment."""
        plain = self.realm.environment
        self.realm.environment = lambda **others: plain(**more, **others)
        try:
            yield
        finally:
            self.realm.environment = plain

    def write_orders(self, point, passing, suffix=""):
        path = self.orders + suffix
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(" ".join(map(str, (passing, *points()[point]))))
        os.rename(path + ".new", path)

    def arm(self, point, passing, then=None):
        """From now on opendextd dies there; `then`: and its successor at that point."""
        self.forget_orders()
        if then is not None:
            self.write_orders(then, 1, ".next")
        self.write_orders(point, passing)
        armed = harness.wait_for(self.daemon, "opendextd")
        os.kill(armed, signal.SIGUSR2)
        self.wait_for(lambda: os.path.exists(self.orders + ".armed"), "opendextd to be armed")
        return armed

    def forget_orders(self):
        for suffix in ("", ".next", ".armed", ".taken"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.orders + suffix)

    def died(self, armed, point, passing):
        """Waits until all who were armed are gone; a later passing may not have come about."""
        if passing > 1 and self.daemon() == armed:
            self.forget_orders()
            self.kill_and_wait()
            return
        harness.wait_for(lambda: self.daemon() not in (None, armed), f"the death of opendextd at {point}")
        harness.wait_for(lambda: not os.path.exists(self.orders), f"the second death after {point}")
        self.tool("ioreg")

    def shape(self):
        """The registry, but for identifiers and processes."""
        return collections.Counter((name.split("-0x")[0], kind) for name, kind, _ in self.entries().values())

    def settled(self, wanted, what):
        """Until the registry is like that."""
        try:
            self.wait_for(lambda: self.shape() == wanted, what, 60)
        except AssertionError:
            self.fail(f"{what}: too much {dict(self.shape() - wanted)}, missing {dict(wanted - self.shape())}")

    def passings(self):
        return (1, 2, 3, 5, 9) if LONG else (1,)

    def successor(self):
        """Where the next opendextd dies as well: not in the short form."""
        return self.random.choice((None, *ADOPTING[:-1])) if LONG else None

    def test_every_point_is_known(self):
        known = {*OPENING, *CLOSING, *ALWAYS, *UNINSTALLING, *INSTALLING, *CRASHING, *ADOPTING, *ENDING, *RARE}
        self.assertEqual({name for name in points() if name.startswith("daemon_")}, known)

    def test_while_programs_open_and_close(self):
        driver, staying, program = self.wait_for_driver(), self.opened(), self.start_program()
        before = self.entries()
        for point, passing in itertools.product((*OPENING, *CLOSING, *ALWAYS), self.passings()):
            print(f"{point}, passing {passing}", flush=True)
            armed = self.arm(point, passing, self.successor())
            for order in ("open 0", "add", "close"):
                program.tell(order, 120)
            self.died(armed, point, passing)
            staying.tell("add")
            self.wait_for_counts(staying, 1, "every other user client to be gone")
            self.wait_for(lambda: self.entries() == before, "the entries from before, with their ids and processes", 60)
            self.assertEqual(self.wait_for_driver(), driver)
        self.assertFalse([line for line in self.lines() if "hangs and is going to be ended" in line])

    def exchange(self, verb):
        """Whoever asked an opendextd that goes asks its successor, and hears what came of it."""
        self.tool("opendext", verb, self.dext if verb == "install" else BUNDLE)
        self.assertEqual(BUNDLE in self.tool("systemextensionsctl", "list"), verb == "install")

    def test_while_extensions_are_exchanged(self):
        self.wait_for_driver()
        wanted = self.shape()
        program = self.start_program()
        program.tell("watch")
        rounds = max(len(UNINSTALLING), len(INSTALLING))
        for passing in self.passings():
            for i in range(rounds):
                program.tell("open 0", 120)
                for verb, names in (("uninstall", UNINSTALLING), ("install", INSTALLING)):
                    point = names[i % len(names)]
                    if i >= len(names):
                        self.exchange(verb)
                        continue
                    print(f"{verb}: {point}, passing {passing}", flush=True)
                    armed = self.arm(point, passing, self.successor())
                    self.exchange(verb)
                    if verb == "install":
                        self.wait_for_driver()
                    self.died(armed, point, passing)
                self.whole_again(program, wanted)

    def whole_again(self, program, wanted):
        """One driver, which works, and nothing else of what was before."""
        driver = self.wait_for_driver()
        program.ask("close")
        self.settled(wanted, "the registry of a realm where nothing happened")
        self.wait_for(lambda: self.realm.drivers(BUNDLE) == [driver], "one process of the driver")
        program.tell("open 0", 120)
        self.wait_for_counts(program, 1, "no other user client")
        program.tell("close")

    def test_while_drivers_crash(self):
        self.wait_for_driver()
        wanted = self.shape()
        program = self.start_program()
        for point, passing in itertools.product(CRASHING, self.passings()):
            print(f"crash: {point}, passing {passing}", flush=True)
            program.tell("open 0", 120)
            driver = self.wait_for_driver()
            armed = self.arm(point, passing, self.successor())
            os.kill(driver, signal.SIGKILL)
            self.wait_for_driver(other_than=driver)
            self.died(armed, point, passing)
            self.whole_again(program, wanted)
            self.wait_for(lambda driver=driver: self.reports_of(driver), "a report of the crash")
            [report] = self.reports_of(driver)
            self.assertEqual((report["signal"], report["bundle"], report["version"]), (signal.SIGKILL, BUNDLE, "1"))

    def reports_of(self, pid):
        """The crash reports of a process."""
        reports = []
        for name in glob.glob(os.path.join(self.realm.root, "crash", f"*-{pid}.json")):
            with open(name, encoding="utf-8") as file:
                reports.append(json.load(file))
        return reports

    def test_while_it_adopts(self):
        driver, program = self.wait_for_driver(), self.opened()
        before = self.entries()
        for point in ADOPTING:
            with self.subTest(point=point):
                self.forget_orders()
                self.write_orders(point, 1)
                first = self.kill_daemon()
                harness.wait_for(lambda: os.path.exists(self.orders + ".armed"), "the next opendextd to be armed")
                second = harness.wait_for(lambda first=first: self.daemon() not in (None, first) and self.daemon(), "the next opendextd")
                program.tell("add")
                self.tool("ioreg")
                self.assertEqual(self.entries(), before)
                harness.wait_for(lambda second=second: self.daemon() is not None, "an opendextd that stays")
                self.assertEqual(self.wait_for_driver(), driver)
                self.wait_for_counts(program, 1, "user clients")

    def test_while_the_realm_ends(self):
        for point in ENDING:
            with self.subTest(point=point):
                if point != ENDING[0]:
                    self.start_realm()
                self.wait_for_driver()
                self.opened()
                self.arm(point, 1)
                self.realm.note_processes()
                self.keeper.terminate()
                self.assertEqual(self.keeper.wait(120), 0, "the keeper ends in order")
                self.wait_for(lambda: not self.realm.remaining(), "every process of the realm to end")


if __name__ == "__main__":
    harness.main()
