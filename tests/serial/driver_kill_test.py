# SPDX-License-Identifier: Apache-2.0
"""The driver is killed again and again; no byte is lost, none comes twice."""

import unittest

from stream_case import LONG, MIB, Line, StreamCase

# Each way, or both ways at once.
SIZE = 1024 * MIB if LONG else 16 * MIB
KILLS = 400 if LONG else 20


class KilledDriver(StreamCase):
    def run_with_kills(self, outward, inward, piece, pause_us, size=SIZE, kills=KILLS):
        line = Line(self, "killed")
        self.driver(line.name)
        before = self.processes(), self.descriptors()
        line.pace(piece, pause_us)
        line.send(*(1 << 62 if wanted else 0 for wanted in (outward, inward)))
        goal = [size if wanted else 0 for wanted in (outward, inward)]
        done = self.kill_drivers(line, kills, lambda: line.reached(*goal))
        print(f"{done} kills, {line.standing()}", flush=True)
        line.wait_for_bytes(*goal)
        line.finish()
        self.assertEqual(self.wait_for(lambda: self.port(line.name)["state"] == "connected", "the state"), True)
        self.assertEqual(line.peer.block.connections, 1)
        self.rests(before)

    def test_terminal_to_network_at_full_speed(self):
        self.run_with_kills(True, False, 65536, 0)

    def test_network_to_terminal_at_full_speed(self):
        self.run_with_kills(False, True, 65536, 0)

    def test_both_ways_in_small_pieces(self):
        self.run_with_kills(True, True, 256, 200, size=SIZE // 64)


if __name__ == "__main__":
    unittest.main(verbosity=2)
