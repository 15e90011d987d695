# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: a port with a program at each end, and looks at what is left afterwards."""

import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import time

import harness
from end import Block

sys.path.insert(0, os.path.join(harness.SOURCE, "apps", "serial-over-tcp", "tests"))
from serial_case import SerialCase  # noqa: E402 pylint: disable=wrong-import-position

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
RING = 256 * 1024
FOR_EVER = 1 << 62
# The long form takes many minutes; what it is: README.md.
LONG = os.environ.get("OPENDEXT_TEST_LONG", "") not in ("", "0")
# What ps shows of a driver process that waits for its driver, and of process 1 of each.
SPARE = "spare driver process"
BARE = "bare driver process"
PREPARED = "prepared driver process"
# What the sockets of one connection hold at most.
IN_SOCKETS = 16 * MIB
# A driver that was started so often on one nub is given up (docs/facts/semantics.md, relaunches).
MOST_KILLS = 900


def seed():
    """Of what is random in this run: OPENDEXT_SEED repeats one."""
    chosen = int(os.environ.get("OPENDEXT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"OPENDEXT_SEED={chosen}", flush=True)
    return chosen


class Program:
    """A process that runs end.py, and the block it shares with the test."""

    def __init__(self, path, send, receive, *words, prefix=()):
        self.block = Block(path, create=True)
        self.block.piece = 4096
        self.words = [*prefix, "/usr/bin/python3", "-B", os.path.join(HERE, "end.py"), path, "--send", str(send),
                      "--receive", str(receive), *words]
        self.log = path + ".log"
        self.process = None

    def start(self):
        self.block.ready = 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_for(self.is_ready, "a program at an end of the line to start")

    def is_ready(self):
        self.check()
        return self.block.ready

    def check(self):
        """Fails with what the program said if it has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise RuntimeError(f"{' '.join(self.words[-2:])} ended with {self.process.returncode} after "
                                   f"{self.block.received} bytes received, {self.block.sent} sent: {log.read().strip()}")

    @property
    def pid(self):
        return self.process.pid

    def end(self, number=signal.SIGTERM):
        """Ends it; what it had to say against the streams is raised."""
        self.check()
        os.kill(self.pid, number)
        self.process.wait()
        if number == signal.SIGTERM and self.process.returncode != 0:
            self.check()
        self.process = None

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
            self.process = None


class Line:
    """A port, the application that has it open, and the peer on the network. Both send from the start."""

    def __init__(self, case, name, number=1, listen="127.0.0.1", prefix=(), peer_words=(), application_words=(), options=()):
        self.case, self.name = case, name
        self.tcp = harness.free_port()
        base = os.path.join(case.folder, name)
        self.peer = Program(base + ".peer", 2 * number, 2 * number + 1, "--listen", f"{listen}:{self.tcp}", *peer_words,
                            prefix=prefix)
        case.addCleanup(self.peer.kill)
        self.peer.start()
        self.device = case.serial("add", name, "--connect", f"{listen}:{self.tcp}", *options).strip()
        self.application = Program(base + ".application", 2 * number + 1, 2 * number, "--device", self.device,
                                   *application_words)
        case.addCleanup(self.application.kill)
        self.application.start()

    @property
    def programs(self):
        return self.application, self.peer

    def check(self):
        for program in self.programs:
            program.check()

    def pace(self, piece, pause_us):
        for program in self.programs:
            program.block.piece, program.block.pause_us = piece, pause_us

    def send(self, outward=FOR_EVER, inward=FOR_EVER):
        self.application.block.limit, self.peer.block.limit = outward, inward

    def reached(self, outward, inward):
        """Whether so many bytes have arrived at either end."""
        self.check()
        return self.peer.block.received >= outward and self.application.block.received >= inward

    def wait_for(self, condition, what, timeout=60, moving=lambda: None):
        """Waits for `timeout` seconds, and longer as long as what moving() tells changes; fails at once if a stream is wrong."""
        last, deadline = None, 0
        while True:
            self.check()
            if value := condition():
                return value
            now = moving()
            if now != last or not deadline:
                last, deadline = now, time.monotonic() + timeout * harness.PATIENCE
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: nothing moves any more; {self.standing()}")
            time.sleep(0.01)

    def wait_for_bytes(self, outward, inward):
        def missing():
            return max(0, outward - self.peer.block.received), max(0, inward - self.application.block.received)
        self.wait_for(lambda: missing() == (0, 0), f"{outward} bytes outward, {inward} inward", moving=missing)

    def standing(self):
        a, p = self.application.block, self.peer.block
        text = f"{self.name}: outward {p.received} of {a.sent}, inward {a.received} of {p.sent}, {p.connections} connections"
        with contextlib.suppress(AssertionError, LookupError):
            text += f", state: {self.case.port(self.name)['state']}"
        return text

    def finish(self):
        """No more is sent; all that was sent arrives, and nothing else."""
        # A little more, so that a stream that had a gap just now shows where it goes on.
        for program in self.programs:
            program.block.pause_us = 0
            program.block.limit = program.block.sent + 65536
        for program in self.programs:
            self.wait_for(lambda p=program: p.block.sent >= p.block.limit, "the rest to be sent",
                          moving=lambda p=program: p.block.sent)
        self.wait_for_bytes(self.application.block.sent, self.peer.block.sent)
        self.case.assertEqual((self.peer.block.received, self.application.block.received),
                              (self.application.block.sent, self.peer.block.sent))


class StreamCase(SerialCase):
    realm_settings = harness.KILLED_OFTEN

    @functools.cached_property
    def random(self):
        return random.Random(seed())

    def driver(self, name, other_than=None):
        """Process id of a port's driver, once there is one that is not `other_than`."""
        def found():
            pid = self.ports().get(name, {}).get("pid")
            return pid if pid and pid != other_than and harness.start_time(pid) is not None else None
        return self.wait_for(found, f"a driver of {name} other than {other_than}")

    def kill_drivers(self, line, kills, until):
        """Kills the port's driver at random moments, at least `kills` times and until until() is true, but no more often
        than it comes back; how often."""
        last, done = None, 0
        while done < kills or (done < MOST_KILLS and not until()):
            last = self.driver(line.name, last)
            time.sleep(self.random.choice((0, 0.001, 0.01, 0.05)) * self.random.random())
            os.kill(last, signal.SIGKILL)
            done += 1
            line.check()
        return done

    def agent(self):
        """The agent, or the one that the guard is about to start in its place."""
        self.wait_for(lambda: len(self.agent_pids()) == 1, "the agent of the realm")
        return self.agent_pids()[0]

    def kill_agent(self):
        """Kills the agent and waits for the one that its guard starts in its place."""
        pid = self.agent()
        os.kill(pid, signal.SIGKILL)
        # The guard waits twice as long after each death, 30 s at most.
        self.wait_for(lambda: self.agent_pids() and pid not in self.agent_pids(), "a new agent", 90)

    @contextlib.contextmanager
    def stopped(self, pid):
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def processes(self):
        """What runs in the realm, by kind: opendextd, agent, drivers … Spare driver processes come and go as they like."""
        running = [harness.command_line(pid) for pid in self.realm.processes() + self.agent_pids()]
        for spare in [line for line in running if SPARE in line or BARE in line]:
            running.remove(spare)
            running.remove(next(line for line in running if PREPARED in line))  # its process 1
        return sorted(os.path.basename(line.split(" ")[0]) for line in running)

    def descriptors(self):
        """Number of open descriptors of the processes that live as long as the realm, and of the agent."""
        counts = {}
        for pid in self.realm.processes() + self.agent_pids():
            name = os.path.basename(harness.command_line(pid).split(" ")[0])
            if name in ("opendextd", "opendext-keeper", "opendext-serial"):
                counts[name] = len(os.listdir(f"/proc/{pid}/fd"))
        return counts

    def at_rest(self):
        """Processes and descriptors, once the spare driver processes are up too: they have descriptors in others."""
        self.wait_for(lambda: self.realm.drivers(SPARE) and self.realm.drivers(BARE), "spare driver processes")
        return self.processes(), self.descriptors()

    def rests(self, before):
        """The realm comes back to what at_rest() has told before."""
        processes, descriptors = before
        def same_processes():
            self.assertEqual(self.processes(), processes)
            return True

        def no_more_descriptors():
            now = self.descriptors()
            self.assertFalse({name: count for name, count in now.items() if count > descriptors.get(name, 0)},
                             f"more descriptors than before: {now}, before {descriptors}")
            return True
        self.wait_for(same_processes, "the processes of before")
        self.wait_for(no_more_descriptors, "the descriptors of before")
