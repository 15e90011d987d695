# SPDX-License-Identifier: Apache-2.0
"""The driver is killed again and again; no byte is lost, none comes twice."""

import unittest

import harness
from stream_case import FOR_EVER, LONG, MIB, Line, StreamCase

# Each way, or both ways at once.
SIZE = 1024 * MIB if LONG else 16 * MIB
KILLS = 400 if LONG else 20


class KilledDriver(StreamCase):
    def run_with_kills(self, outward, inward, piece, pause_us, size=SIZE, kills=KILLS):
        line = Line(self, "killed")
        self.driver(line.name)
        before = self.at_rest()
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

    def test_all_ports_of_one_process(self):
        """IOUserServerOneProcess: one thread sweeps the ports, and each kill hits all of them."""
        self.tool("opendext", "install", harness.changed_dext("SerialOverTCP", self.folder, "Port",
                                                              {"IOUserServerOneProcess": True}))
        lines = [Line(self, f"shared{number}", number) for number in range(1, 5)]
        self.assertEqual(len({self.driver(line.name) for line in lines}), 1)
        size = SIZE // 8
        for number, line in enumerate(lines):
            line.pace(4096, 300)
            line.send(*((FOR_EVER, 0) if number % 2 else (0, FOR_EVER)))
        goals = [(size, 0) if number % 2 else (0, size) for number in range(len(lines))]
        done = self.kill_drivers(lines[0], KILLS, lambda: all(line.reached(*goal) for line, goal in zip(lines, goals)))
        print(f"{done} kills, {', '.join(line.standing() for line in lines)}", flush=True)
        for line, goal in zip(lines, goals):
            line.wait_for_bytes(*goal)
        for line in lines:
            line.finish()

    def test_both_ways_in_small_pieces(self):
        self.run_with_kills(True, True, 256, 200, size=SIZE // 64)


if __name__ == "__main__":
    unittest.main(verbosity=2)
