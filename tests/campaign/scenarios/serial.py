# SPDX-License-Identifier: Apache-2.0
"""Serial ports: streams both ways over the ports of serial-over-tcp, and over a port of port/ that loops bytes back. Every
byte is compared, of victims too: a driver that dies loses none and repeats none."""

import contextlib
import os
import signal
import time

import world as w
from scenario import RECOVERED, SURVIVED, Kind, Outcome, Scenario as Base

VICTIMS, BYSTANDERS, LOOP, DOOMED = ("victim0", "victim1"), ("bystander0",), "campaign", "doomed"
# port/PortProtocol.h
ARM = 0xe0
(NOWHERE, TX_DATA_AVAILABLE, RX_FREE_SPACE, PROGRAM_UART, PROGRAM_BAUD, PROGRAM_MCR, SEND_BREAK) = range(7)
HANG, NULL_WRITE, ABORT, EXIT = range(4)
POINTS = {"TxDataAvailable": TX_DATA_AVAILABLE, "HwProgramUART": PROGRAM_UART, "HwProgramBaudRate": PROGRAM_BAUD}
# What makes the driver come to a point where the stream does not bring it.
COMES = {PROGRAM_UART: "frame", PROGRAM_BAUD: "speed"}
FATAL = ("SEGV", "ABRT", "KILL", "BUS", "TERM")


class Scenario(Base):
    def set_up(self):
        self.world.install("SerialOverTCP")
        self.world.install("Port")
        self.lines = self.world.helper("lines", str(max(2, self.world.pace_us // 200)))
        self.load = self.world.helper("load", str(self.world.pace_us))
        for name in VICTIMS + BYSTANDERS:
            port = self.lines.ask(f"listen {name}")
            device = self.world.tool("opendext-serial", "add", name, "--connect", f"127.0.0.1:{port}").strip()
            self.lines.ask(f"open {name} {device}")
        self.pid = {name: self.served_by(name, 0) for name in VICTIMS + BYSTANDERS + (LOOP,)}
        self.lines.ask(f"open {LOOP} {self.world.realm.root}/dev/cu.{LOOP} loop")
        self.stable = {name: self.pid[name] for name in BYSTANDERS}
        self.check_all()

    def kinds(self):
        signals = [Kind(f"signal {name}", 1.5, lambda random, name=name: self.signal(random, name)) for name in FATAL]
        reached = [Kind(f"{word} in {name}", 1, lambda random, point=point, fault=fault: self.reach(random, point, fault))
                   for name, point in POINTS.items() for word, fault in (("hang", HANG), ("crash", ABORT), ("exit", EXIT))]
        return signals + reached + [
            Kind("stop and continue", 2, self.stop),
            Kind("stop and kill", 1, self.stop_and_kill),
            Kind("garbage from driver to opendextd", 2, self.from_driver),
            Kind("garbage from opendextd to driver", 1, self.to_driver),
            Kind("killed twice", 1, self.twice),
            Kind("garbage in kept rings", 0.5, lambda random: self.kept_rings(random, False)),
            Kind("garbage in kept rings, then killed", 0.5, lambda random: self.kept_rings(random, True)),
        ]

    # Looking.

    def served_by(self, name, other_than):
        return w.Process(self.load.ask(f"port 0 {name} {other_than} {self.world.limit_ms}"))

    def flows(self, name):
        """Until what is sent from now on has arrived, both ways; when that was."""
        return int(self.lines.ask(f"check {name} {self.world.limit_ms}").split()[2])

    def begin_check(self):
        for name in BYSTANDERS:
            self.lines.order(f"check {name} {self.world.limit_ms}")

    def end_check(self):
        problems = []
        for name in BYSTANDERS:
            try:
                self.lines.answer(f"check {name}")
            except w.Violation as problem:
                problems.append(str(problem))
        if problems:
            raise w.Violation("; ".join(problems))

    def check_processes(self):
        for name, pid in self.stable.items():
            now = self.served_by(name, 0)
            if now != pid:
                raise w.Violation(f"port {name} has another process, {now}, than {pid}; {self.world.story(pid)}")

    def check_all(self):
        for name in VICTIMS + (LOOP,):
            self.flows(name)
            self.pid[name] = self.served_by(name, 0)
        self.check_processes()

    def back(self, name, begin):
        """Another process than that which is dead now serves the port."""
        w.wait_for_end(self.pid[name])
        end = self.flows(name)
        self.pid[name] = self.served_by(name, self.pid[name])
        return Outcome(RECOVERED, end - begin)

    def victim(self, random):
        """One that is served now: garbage that was taken for a message may have ended its driver late."""
        victim = random.choice(VICTIMS)
        self.pid[victim] = self.served_by(victim, 0)
        return victim

    # Hurting.

    def kill_one(self):
        name = VICTIMS[0]
        self.pid[name] = self.served_by(name, 0)
        begin = w.now_ns()
        w.kill(self.pid[name])
        return self.back(name, begin)

    def signal(self, random, name):
        victim = self.victim(random)
        time.sleep(0.003 * random.random())
        begin = w.now_ns()
        w.kill(self.pid[victim], getattr(signal, "SIG" + name))
        return self.back(victim, begin)

    def reach(self, random, point, fault):
        """Whoever comes to the point of the looping port hangs (and is killed) or crashes there."""
        del random
        self.lines.ask(f"say {LOOP} {ARM + point:x} {ARM + fault:x} {self.world.limit_ms}")
        if point in COMES:
            self.lines.ask(f"{COMES[point]} {LOOP}")
        if fault == HANG:
            time.sleep(0.02)
            self.begin_check()
            self.end_check()
            begin = w.now_ns()
            w.kill(self.pid[LOOP])
        else:
            begin = w.now_ns()
        return self.back(LOOP, begin)

    def stop(self, random):
        victim = self.victim(random)
        w.kill(self.pid[victim], signal.SIGSTOP)
        time.sleep(0.03 * random.random())
        self.begin_check()
        self.end_check()
        w.kill(self.pid[victim], signal.SIGCONT)
        self.flows(victim)
        if self.served_by(victim, 0) != self.pid[victim]:
            raise w.Violation(f"port {victim} was stopped and continued, and has another process now")
        return Outcome(SURVIVED)

    def stop_and_kill(self, random):
        victim = self.victim(random)
        w.kill(self.pid[victim], signal.SIGSTOP)
        time.sleep(0.01 * random.random())
        begin = w.now_ns()
        w.kill(self.pid[victim])
        return self.back(victim, begin)

    def twice(self, random):
        """The next process is killed at a random moment of its start."""
        victim = self.victim(random)
        old = self.pid[victim]
        w.kill(old)
        w.wait_for_end(old)
        time.sleep(0.004 * random.random())
        known = set(self.pid.values())
        for pid in map(w.Process, self.world.realm.drivers("org.opendext.SerialOverTCP")):
            if pid not in known and pid > max(known):
                w.kill(pid)
        begin = w.now_ns()
        end = self.flows(victim)
        self.pid[victim] = self.served_by(victim, old)
        return Outcome(RECOVERED, end - begin)

    def kept_rings(self, random, killed):
        """The rings and journal of a port outlive its driver. A port of its own, since what is in them is lost: its driver, or the
        next one, lives with whatever is in there, and the port can be removed and made again."""
        self.world.tool("opendext-serial", "add", DOOMED, "--listen", "127.0.0.1:0")
        pid = self.served_by(DOOMED, 0)
        terminal = os.open(f"{self.world.realm.root}/dev/cu.{DOOMED}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            self.write_some(terminal)
            if w.scribble(pid, "memfd:serial-port", random, random.randrange(1, 200), 4096) == 0:
                raise w.Violation(f"process {pid} has no memory of the port {DOOMED}")
            self.write_some(terminal)
            time.sleep(0.01 * random.random())
            begin = w.now_ns()
            if killed:
                w.kill(pid)
            after = self.served_by(DOOMED, pid if killed else 0)
            outcome = Outcome(SURVIVED) if after == pid else Outcome(RECOVERED, w.now_ns() - begin)
            self.write_some(terminal)
            time.sleep(0.02)
            if killed and self.served_by(DOOMED, 0) != after:
                raise w.Violation("the next driver died of what it was given of the port")
        finally:
            os.close(terminal)
            self.world.tool("opendext-serial", "rm", DOOMED)
        return outcome

    @staticmethod
    def write_some(terminal):
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(terminal, b"x" * 2000)

    def after_lies(self, victim, begin):
        end = self.flows(victim)
        before = self.pid[victim]
        self.pid[victim] = self.served_by(victim, 0)
        return Outcome(SURVIVED) if self.pid[victim] == before else Outcome(RECOVERED, end - begin)
