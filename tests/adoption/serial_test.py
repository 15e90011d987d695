# SPDX-License-Identifier: Apache-2.0
"""A serial port streams both ways while opendextd dies: byte for byte, and without a pause of the data."""

import os
import sys
import time

import harness
from adoption_case import LONG, Killer

sys.path.insert(0, os.path.join(harness.SOURCE, "tests", "serial"))
from stream_case import Line, StreamCase  # noqa: E402 pylint: disable=wrong-import-position


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


if __name__ == "__main__":
    harness.main()
