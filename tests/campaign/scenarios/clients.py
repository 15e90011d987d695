# SPDX-License-Identifier: Apache-2.0
"""Programs that mean harm: to opendextd and to the drivers that serve others at the same time. Each deed has an answer: a status
that is no success, or the end of the connection that it was done over; hostile.cpp checks that, and that the same process of the
driver serves the next one who comes. The drivers are the bystanders of core.py, whose programs may notice nothing."""

import contextlib
import os
import re

import world as w
from scenario import SURVIVED, Kind, Outcome, Scenario as Base

NUMBERS = (4, 5)
DEEDS = {
    "bytes of any message to a driver": ("message", 6),
    "calls whose parts do not fit": ("call", 3),
    "unknown selectors": ("selector", 1),
    "memory for structures that is none": ("arena", 1.5),
    "words of the rings changed": ("rings", 6),
    "nonsense beside the rings": ("aside", 2),
    "program that takes no answers": ("deaf", 1),
    "program that goes in the middle": ("leave", 1.5),
    "connections of others closed": ("close-others", 1.5),
    "entries opened that are none": ("open-nothing", 1.5),
    "another program pretended": ("pretend", 1),
}


def messages():
    """{number: name} of all messages between programs and opendextd."""
    with open(os.path.join(w.harness.SOURCE, "rpc", "protocol", "client.h"), encoding="utf-8") as file:
        text = re.search(r"enum class Kind : uint32_t \{(.*?)\};", file.read(), re.DOTALL).group(1)
    return {int(number): name for name, number in re.findall(r"^\s*(\w+) = (\d+)", text, re.MULTILINE)}


class Scenario(Base):
    share = 5.0

    def __init__(self, world):
        super().__init__(world)
        self.messages = messages()
        assert len(self.messages) > 50, "the messages of rpc/protocol/client.h are not found"

    def set_up(self):
        self.world.install("Subject")
        self.hostile = self.world.helper("hostile")
        for number in NUMBERS:
            w.harness.wait_for(lambda number=number: self.is_up(number), f"subject {number}", w.DEADLINE)

    def check_all(self):
        """Also so that there is a link to the opendextd of now, whenever the realm's descriptors are counted."""
        for number in NUMBERS:
            self.do_once("selector", number, 1)

    def is_up(self, number):
        with contextlib.suppress(w.Violation):
            return self.do_once("selector", number, 1)
        return None

    def kinds(self):
        return [Kind(name, weight, lambda random, deed=deed: self.do(random, deed), light=True) for name, (deed, weight) in DEEDS.items()] + [
            Kind("bytes of any message to opendextd", 6, self.say, light=True),
            Kind("nonsense of the right form to opendextd", 6, self.say_nonsense, light=True)]

    def answered(self, line, what):
        result, _, detail = self.hostile.ask(line).partition(" ")
        if result not in ("refused", "ended", "answered", "silent"):
            raise w.Violation(f"{line}: {result} {detail}")
        return Outcome(SURVIVED, detail=f"{what}: {result}")

    def do_once(self, deed, number, seed):
        return self.answered(f"do {deed} {number} {seed} {self.world.limit_ms}", deed)

    def do(self, random, deed):
        return self.do_once(deed, random.choice(NUMBERS), random.getrandbits(60))

    def say(self, random):
        kind = random.choice(list(self.messages)) if random.random() < 0.95 else random.getrandbits(32)
        return self.answered(f"say {kind} {random.getrandbits(60)} {self.world.limit_ms}", self.messages.get(kind, "unknown kind"))

    def say_nonsense(self, random):
        return self.answered(f"say 0 {random.getrandbits(60)} {self.world.limit_ms}", "a request")
