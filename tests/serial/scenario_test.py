# SPDX-License-Identifier: Apache-2.0
"""Random scenarios: streams both ways on one or two ports, and several of the things that other tests here do one by one, at
random moments, also one during another. Afterwards every byte is accounted for and the realm is as it was.

Each scenario prints its seed; OPENDEXT_SEED=n runs that one."""

import contextlib
import os
import random
import signal
import subprocess
import time
import unittest

import harness
from stream_case import FOR_EVER, IN_SOCKETS, LONG, RING, Line, StreamCase, seed

SCENARIOS = 240 if LONG else 24
LARGEST_PIECE = 65536


class Scenario:
    """One of them, in the realm of `case`."""

    def __init__(self, case, chosen):
        self.case, self.random = case, random.Random(chosen)
        self.lossy = self.random.random() < 0.35
        self.last = {}
        self.daemons = 0  # killed; the keeper gives up at the sixth within a minute
        self.lines = []
        self.story = []

    def run(self):
        lost = ("--lost", str(IN_SOCKETS)) if self.lossy else ()
        repeated = ("--repeated", str(RING)) if self.lossy else ()
        # A peer that is killed between a write and its count writes that piece again.
        again = ("--repeated", str(LARGEST_PIECE)) if self.lossy else ()
        for number in range(self.random.choice((1, 1, 1, 2))):
            line = Line(self.case, f"port{number}", number=number,
                        peer_words=lost + repeated, application_words=lost + again)
            self.lines.append(line)
            line.pace(self.random.choice((64, 500, 4096, LARGEST_PIECE)), self.random.choice((0, 0, 200, 2000)))
        for line in self.lines:
            self.case.driver(line.name)
        before = self.case.at_rest()
        for line in self.lines:
            line.send(self.random.choice((0, FOR_EVER, FOR_EVER)), FOR_EVER)
        for _ in range(self.random.randrange(2, 6)):
            self.event(self.random.choice(self.lines), nested=False)
            time.sleep(0.1 * self.random.random())
            self.case.wait_for(lambda: all(line.name in self.case.ports() for line in self.lines), "the ports")
        self.say("end")
        for line in self.lines:
            line.finish()
        self.case.rests(before)

    def say(self, what):
        self.story.append(what)

    def event(self, line, nested):
        kinds = [self.kill_driver, self.kill_driver, self.kill_control, self.kill_daemon, self.settings]
        if self.daemons == 3:
            kinds.remove(self.kill_daemon)
        if not nested:
            kinds += [self.stop, self.stop, self.reopen, self.orderly_end]
            if self.lossy:
                kinds += [self.kill_peer, self.kill_agent]
        kind = self.random.choice(kinds)
        self.say(kind.__name__ + " " + line.name)
        kind(line)

    def kill_driver(self, line):
        pid = self.last[line] = self.case.driver(line.name, self.last.get(line))
        time.sleep(0.02 * self.random.random())
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def kill_control(self, _):
        ports = self.case.wait_for(self.case.ports, "the list of ports")
        drivers = set(self.case.realm.drivers("org.opendext.SerialOverTCP")) - {port["pid"] for port in ports.values()}
        for pid in drivers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_daemon(self, _):
        self.daemons += 1
        for pid in self.case.realm.drivers("opendextd --realm"):
            os.kill(pid, signal.SIGKILL)

    def settings(self, line):
        speed = self.random.choice(("9600", "115200", "921600"))
        subprocess.run(["stty", "-F", line.device, speed], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=30 * harness.PATIENCE)

    def stop(self, line):
        """Application, peer, agent or driver stands still for a while, in which something else may happen."""
        who = self.random.choice(("application", "peer", "agent", "driver"))
        self.say(who)
        if who == "driver":
            pid = self.case.driver(line.name)
        else:
            pid = self.case.agent() if who == "agent" else getattr(line, who).pid
        with self.case.stopped(pid):
            time.sleep(0.1 * self.random.random())
            if who != "driver" and self.random.random() < 0.6:
                self.event(self.random.choice(self.lines), nested=True)
                time.sleep(0.1 * self.random.random())

    def reopen(self, line):
        line.application.end()
        time.sleep(0.1 * self.random.random())
        line.application.start()

    def orderly_end(self, line):
        line.peer.block.close += 1
        line.wait_for(lambda: line.peer.block.closed == line.peer.block.close, "the end of the connection",
                      moving=lambda: line.peer.block.received)

    def kill_peer(self, line):
        line.application.block.expect += 1
        line.peer.kill()
        time.sleep(0.2 * self.random.random())
        line.peer.start()

    def kill_agent(self, _):
        before = [line.peer.block.connections for line in self.lines]
        for line in self.lines:
            line.application.block.expect += 1
        self.case.kill_agent()
        # What the peers send until they have heard of the death is lost.
        for line, connections in zip(self.lines, before):
            line.wait_for(lambda of=line, past=connections: of.peer.block.connections > past, "the new agent's connection")

    def remove(self):
        for line in self.lines:
            line.application.kill()
            line.peer.kill()
            self.case.serial("rm", line.name)


class RandomScenarios(StreamCase):
    """A test for each scenario, in a realm of its own, so that a seed alone repeats one."""

    def scenario(self, chosen):
        scenario = Scenario(self, chosen)
        started = time.monotonic()
        try:
            scenario.run()
            scenario.remove()
        finally:
            print(f"OPENDEXT_SEED={chosen} {time.monotonic() - started:.1f} s: {', '.join(scenario.story)}", flush=True)
        self.wait_for(lambda: not self.ports(), "the ports to go")
        self.assertEqual(os.listdir(os.path.join(self.realm.root, "dev")), [])


def add_scenarios():
    first = seed()
    for number in range(1 if os.environ.get("OPENDEXT_SEED") else SCENARIOS):
        setattr(RandomScenarios, f"test_scenario_{number + 1:02}", lambda self, chosen=first + number: self.scenario(chosen))


add_scenarios()

if __name__ == "__main__":
    unittest.main(verbosity=2)
