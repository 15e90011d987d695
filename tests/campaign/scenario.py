# SPDX-License-Identifier: Apache-2.0
"""What a scenario is: the drivers of a family, under load, and what is done to them. scenarios/NAME.py has a class Scenario;
a new family adds a file."""

import dataclasses
import time
from typing import Callable

import world as w

SURVIVED, RECOVERED, LOST = "survived", "recovered", "lost"


@dataclasses.dataclass
class Outcome:
    """What became of who was hurt. ns: from the fault until somebody was served again, if it recovered."""
    what: str
    ns: int = 0
    detail: str = ""  # what exactly was done, and how that ended: counted in the result


@dataclasses.dataclass
class Kind:
    """A kind of fault. inject(random) does it, waits until who was hurt is back, and gives an Outcome; it raises Violation
    if that does not happen."""
    name: str
    weight: float
    inject: Callable
    late: bool = False  # rare: once in a period
    light: bool = False  # ends no process: bystanders are looked at after some of these


class Scenario:
    """Base of scenarios. `world` is there from the beginning, the drivers from set_up() on."""

    share = 1.0  # of all faults, beside the other scenarios

    def __init__(self, world):
        self.world = world

    def set_up(self):
        """Installs the drivers and begins the load on all of them."""

    def kinds(self):
        """All kinds of faults."""
        return []

    def begin_check(self):
        """Tells the helpers to look at the bystanders; end_check() gets what they found, so that all look at the same time."""

    def end_check(self):
        """Raises Violation unless every bystander goes on and saw no error since the beginning of the batch."""

    def check_processes(self):
        """Raises Violation if a bystander is served by another process than at the beginning, where end_check() does not see that.
        Only while opendextd answers."""

    def kill_one(self):
        """Kills the driver of a victim and waits until the next one serves; gives the Outcome. None: it has no victims."""
        return None

    def check_all(self):
        """Everything of the scenario goes on, victims too."""

    # Garbage on the control socket between a driver and opendextd. For scenarios with victim(random), which gives one that serves now;
    # pid, its process by victim; back(victim, begin), which waits for another process; and after_lies(victim, begin).

    def from_driver(self, random):
        victim = self.victim(random)
        begin = w.now_ns()
        # None that is empty: it looks like the end of the connection, and opendextd then waits for that of the process.
        texts = [w.garbage(random, range(64)) for _ in range(random.randrange(1, 12))]
        w.lie(self.pid[victim], 3, [text for text in texts if text], random)
        return self.after_lies(victim, begin)

    def to_driver(self, random):
        victim = self.victim(random)
        end = w.far_end(self.pid[victim], 3, self.world.daemon())
        if end is None:
            return Outcome(SURVIVED)
        begin = w.now_ns()
        w.pour(end, [w.garbage(random, range(64)) for _ in range(random.randrange(1, 12))], random)
        time.sleep(0.01)
        w.kill(self.pid[victim])  # it may have taken a message for a right one, and is as good as dead
        return self.back(victim, begin)
