# SPDX-License-Identifier: Apache-2.0
"""A serial port streams both ways while opendextd dies: byte for byte, and without a pause of the data."""

import contextlib
import os
import signal
import sys
import time

import harness
from adoption_case import LONG, Killer

sys.path.insert(0, os.path.join(harness.SOURCE, "tests", "serial"))
from stream_case import Line, SerialCase, StreamCase  # noqa: E402 pylint: disable=wrong-import-position


class SerialPort(Killer, StreamCase):
    def setUp(self):
        super().setUp()
        self.start_keeper()

    def test_bytes_go_on_while_opendextd_is_away(self):
        line = Line(self, "away")
        line.send()
        line.wait_for_bytes(1, 1)
        entries = self.entries()
        device = os.path.realpath(line.device)
        longest = 0.0
        for _ in range(20 if LONG else 4):
            victim = self.kill_daemon()
            seen, last, begin = [each.block.received for each in line.programs], time.monotonic(), time.monotonic()
            while self.daemon() in (None, victim) or time.monotonic() < begin + 0.3:
                line.check()
                now = [each.block.received for each in line.programs]
                if all(n > s for n, s in zip(now, seen)):
                    longest, last, seen = max(longest, time.monotonic() - last), time.monotonic(), now
                self.assertLess(time.monotonic() - last, 10 * harness.PATIENCE, "the data stands still")
                time.sleep(0.005)
            self.tool("ioreg")
            self.assertEqual(os.path.realpath(line.device), device, "the node and its terminal stay")
        self.assertEqual(self.entries(), entries, "entries, ids and processes")
        line.finish()
        print(f"longest look without a byte {longest * 1000:.0f} ms")


class KeptTerminal(Killer, SerialCase):
    """A terminal whose driver is not started again is given back, whichever opendextd hears of what."""

    realm_settings = {"restart.quarantine-after": "1", "restart.keep-endpoints": "2 s"}

    def setUp(self):
        super().setUp()
        self.start_keeper()
        self.device = self.add("one", self.peer())
        self.driver = self.port("one")["pid"]
        self.assertEqual(self.terminals(), 1)

    def terminals(self):
        """How many the keeper holds."""
        folder, found = f"/proc/{self.keeper.pid}/fd", 0
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                found += os.readlink(os.path.join(folder, name)).endswith("ptmx")
        return found

    def is_given_back(self):
        self.wait_for(lambda: not os.path.lexists(self.device), "the node to go")
        self.wait_for(lambda: self.terminals() == 0, "the keeper to let the terminal go")

    def test_the_driver_is_given_up_by_the_next_opendextd(self):
        os.kill(self.daemon(), signal.SIGSTOP)
        os.kill(self.driver, signal.SIGKILL)
        harness.wait_for(lambda: harness.start_time(self.driver) is None, "the driver to die")
        self.kill_and_wait()
        self.wait_for_text("is in quarantine on")
        self.is_given_back()

    def test_the_driver_was_given_up_before(self):
        os.kill(self.driver, signal.SIGKILL)
        self.wait_for_text("is in quarantine on")
        self.kill_and_wait()
        self.is_given_back()

    def wait_for_text(self, text):
        self.wait_for(lambda: text in self.realm.log_text(), f"{text!r} in the log")


if __name__ == "__main__":
    harness.main()
